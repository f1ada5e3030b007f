#include "incremental/touched_rows.h"

namespace cdc::incremental {
namespace {

// About what an entry of a hash map costs beside its key.
constexpr std::size_t entry_bytes = 64;
constexpr std::size_t transaction_bytes = sizeof(Touch) + entry_bytes;

}  // namespace

Touch& TouchedRows::of(std::uint32_t xid) {
    const auto known = transactions_.find(xid);
    if (known != transactions_.end()) return known->second;
    if (bytes_ + transaction_bytes > max_bytes_) let_rows_go();
    if (bytes_ + transaction_bytes > max_bytes_) {
        for (const auto& [each, of_each] : transactions_) {
            if (!newest_ || static_cast<std::int32_t>(each - *newest_) > 0) newest_ = each;
        }
        transactions_.clear();
        bytes_ = 0;
    }
    bytes_ += transaction_bytes;
    return transactions_[xid];
}

void TouchedRows::let_rows_go() {
    for (auto& [each, of_each] : transactions_) {
        of_each.any_row = of_each.any_row || !of_each.rows.empty();
        of_each.rows = {};
    }
    bytes_ = transactions_.size() * transaction_bytes;
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
    if (bytes_ > max_bytes_) let_rows_go();
}

void TouchedRows::forget(const Visibility& seen) {
    bytes_ = 0;
    if (newest_ && seen.sees_all_before(*newest_ + 1)) newest_.reset();
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
