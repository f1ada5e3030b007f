#include "incremental/visibility.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace cdc::incremental {
namespace {

// Reads a number and the character after it.
bool take(std::string_view& text, std::uint64_t& value, char after) {
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
    if (text.empty()) return after == ',';
    if (text.front() != after) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

Result<Visibility> Visibility::parse(std::string_view text) {
    const std::string whole(text);
    Visibility seen;
    bool ok = take(text, seen.xmin_, ':') && take(text, seen.xmax_, ':');
    while (ok && !text.empty()) {
        std::uint64_t xid = 0;
        ok = take(text, xid, ',');
        seen.running_.push_back(xid);
    }
    if (!ok || seen.xmin_ > seen.xmax_) return Status::fatal("\"" + whole + "\" is not a pg_snapshot");
    std::ranges::sort(seen.running_);
    return seen;
}

bool Visibility::sees(std::uint32_t xid) const {
    const auto distance = static_cast<std::int32_t>(xid - static_cast<std::uint32_t>(xmax_));
    const std::uint64_t full = xmax_ + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
    if (full < xmin_) return true;
    return full < xmax_ && !std::ranges::binary_search(running_, full);
}

bool Visibility::sees_all_before(std::uint32_t xid) const {
    return static_cast<std::int32_t>(xid - static_cast<std::uint32_t>(xmin_)) <= 0;
}

}  // namespace cdc::incremental
