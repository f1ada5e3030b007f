#include "sinks/kafka/delivery_window.h"

#include <algorithm>
#include <utility>

namespace cdc::kafka {

DeliveryWindow::Entry& DeliveryWindow::open(SlicePtr slice) {
    const bool ends = slice->kind == SliceKind::transaction && slice->last;
    const Lsn end_lsn = ends ? slice->end_lsn : Lsn{};
    const std::uint64_t number = slice->progress_number;
    return entries_.emplace_back(Entry{std::move(slice), end_lsn, number, 1});
}

void DeliveryWindow::expect(Entry& entry) {
    ++entry.pending;
    ++in_flight_;
}

void DeliveryWindow::seal(Entry& entry) {
    release(entry);
}

void DeliveryWindow::delivered(Entry& entry) {
    --in_flight_;
    release(entry);
}

void DeliveryWindow::advance(Lsn lsn) {
    if (entries_.empty()) {
        durable_ = std::max(durable_, lsn);
    } else if (Entry& last = entries_.back(); last.pending == 0) {
        last.end_lsn = std::max(last.end_lsn, lsn);  // many keepalives in an outage stay one entry
    } else {
        entries_.push_back(Entry{nullptr, lsn, 0, 0});
    }
}

void DeliveryWindow::clear() {
    entries_.clear();
    durable_ = {};
    progress_ = 0;
    in_flight_ = 0;
}

void DeliveryWindow::release(Entry& entry) {
    if (--entry.pending > 0) return;
    entry.slice.reset();
    while (!entries_.empty() && entries_.front().pending == 0) {
        durable_ = std::max(durable_, entries_.front().end_lsn);
        progress_ = std::max(progress_, entries_.front().progress_number);
        entries_.pop_front();
    }
}

}  // namespace cdc::kafka
