// DeliveryWindow: what has been handed to Kafka and not been acknowledged, in commit order, and the position
// up to which everything has.
//
// Acknowledgements come in any order (each partition has its own), the position may only move over a whole
// prefix of transactions: each slice is one entry, an entry leaves at the front once its messages and those
// of all before it are delivered. A slice's bytes are let go as soon as its own messages are delivered.
// Owner: the kafka sink. Thread: its runner's only. Failure: none; what fails is never reported delivered, so
// nothing behind it moves the position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/lsn.h"
#include "envelope/slice.h"

namespace cdc::kafka {

class DeliveryWindow {
  public:
    // Stays where it is until it has left the window: its address is the messages' opaque pointer.
    struct Entry {
        SlicePtr slice;  // let go when delivered
        Lsn end_lsn;     // moves the position; none for a part of a transaction, a snapshot, a message
        std::uint64_t progress_number = 0;  // the slice's
        std::size_t pending = 0;            // messages not delivered, and one more until sealed
    };

    // A slice whose messages are about to be handed over: expect after each, seal after the last.
    Entry& open(SlicePtr slice);
    void expect(Entry& entry);
    void seal(Entry& entry);

    // One message of the entry is durable.
    void delivered(Entry& entry);
    // Everything that ends at or before lsn is in the window or durable.
    void advance(Lsn lsn);

    // Every transaction that ends at or before it is durable. Monotone until clear.
    Lsn durable_lsn() const { return durable_; }
    // The newest progress_number of a slice that is durable with all before it.
    std::uint64_t durable_progress() const { return progress_; }
    // Messages handed over and not delivered.
    std::size_t in_flight() const { return in_flight_; }
    // Slices and positions that wait for messages in front of them.
    bool empty() const { return entries_.empty(); }

    // Forgets everything. Only when no message refers to an entry any more.
    void clear();

  private:
    void release(Entry& entry);

    std::deque<Entry> entries_;
    Lsn durable_;
    std::uint64_t progress_ = 0;
    std::size_t in_flight_ = 0;
};

}  // namespace cdc::kafka
