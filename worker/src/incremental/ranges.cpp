#include "incremental/ranges.h"

#include <algorithm>
#include <charconv>

namespace cdc::incremental {
namespace {

bool take_number(std::string_view& text, std::int64_t& value) {
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc{} || value < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
    return true;
}

bool take_character(std::string_view& text, char expected) {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

void Ranges::add(std::int64_t first, std::int64_t end) {
    if (first >= end) return;
    const auto from =
        std::ranges::lower_bound(ranges_, first, {}, [](const Range& range) { return range.end; });
    auto to = from;
    for (; to != ranges_.end() && to->first <= end; ++to) {
        first = std::min(first, to->first);
        end = std::max(end, to->end);
    }
    ranges_.insert(ranges_.erase(from, to), {first, end});
}

bool Ranges::contains(std::int64_t number) const {
    const auto range =
        std::ranges::upper_bound(ranges_, number, {}, [](const Range& each) { return each.end; });
    return range != ranges_.end() && range->first <= number;
}

Ranges common(const Ranges& a, const Ranges& b) {
    Ranges both;
    for (const Ranges::Range& one : a.ranges()) {
        for (const Ranges::Range& other : b.ranges())
            both.add(std::max(one.first, other.first), std::min(one.end, other.end));
    }
    return both;
}

std::string to_text(const Ranges& ranges) {
    std::string text;
    for (const Ranges::Range& range : ranges.ranges()) {
        text += (text.empty() ? "" : ",") + std::to_string(range.first) + "-";
        if (range.end != Ranges::no_end) text += std::to_string(range.end - 1);
    }
    return text;
}

Result<Ranges> read_ranges(std::string_view text) {
    const Status malformed = Status::fatal("\"" + std::string(text) + "\" are no ranges of numbers");
    Ranges ranges;
    while (!text.empty()) {
        Ranges::Range range;
        if (!take_number(text, range.first) || !take_character(text, '-')) return malformed;
        if (text.empty()) {
            range.end = Ranges::no_end;
        } else if (!take_number(text, range.end) || range.end++ < range.first) {
            return malformed;
        }
        ranges.add(range.first, range.end);
        if (!text.empty() && (!take_character(text, ',') || text.empty())) return malformed;
    }
    return ranges;
}

}  // namespace cdc::incremental
