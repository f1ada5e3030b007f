#include "incremental/touched_rows.h"

namespace cdc::incremental {
namespace {

// About what an entry of a hash map costs beside its key.
constexpr std::size_t entry_bytes = 64;
constexpr std::size_t transaction_bytes = sizeof(Touch) + entry_bytes;

}  // namespace

Touch& TouchedRows::of(std::uint32_t xid) {
    const auto [entry, made] = transactions_.try_emplace(xid);
    if (made) bytes_ += transaction_bytes;
    return entry->second;
}

void TouchedRows::touch(std::uint32_t xid, std::string_view source_id, bool incomplete) {
    Touch& touch = of(xid);
    if (touch.any_row) return;
    if (const auto known = touch.rows.find(source_id); known != touch.rows.end()) {
        known->second = incomplete;  // a later event of the transaction has the row's last word
        return;
    }
    touch.rows.emplace(source_id, incomplete);
    bytes_ += source_id.size() + entry_bytes;
    if (bytes_ <= max_bytes_) return;
    for (auto& [each, of_each] : transactions_) {
        of_each.any_row = of_each.any_row || !of_each.rows.empty();
        of_each.rows = {};
    }
    bytes_ = transactions_.size() * transaction_bytes;
}

void TouchedRows::forget(const Visibility& seen) {
    bytes_ = 0;
    for (auto each = transactions_.begin(); each != transactions_.end();) {
        if (seen.sees(each->first)) {
            each = transactions_.erase(each);
            continue;
        }
        bytes_ += transaction_bytes;
        for (const auto& [source_id, incomplete] : each->second.rows)
            bytes_ += source_id.size() + entry_bytes;
        ++each;
    }
}

}  // namespace cdc::incremental
