// Slice: a run of consecutive envelopes of one source transaction (or of one table's snapshot), in the bytes
// in which they came. The unit that flows from the source to the sinks: a large transaction is many slices,
// none of which is ever joined with another's, so memory does not grow with the transaction.
//
// Owner: shared by the sinks' queues; immutable once built; gives its bytes back to the pipeline's budget
// when the last holder lets go. Thread: safe to read from any.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_budget.h"
#include "base/lsn.h"
#include "envelope/event.h"

namespace cdc {

enum class SliceKind {
    transaction,  // committed changes, in commit order
    snapshot,     // rows read under a snapshot (op r): the slot's, or one beside the stream
    message,      // one non-transactional logical message: belongs to no commit, moves no position
};

// A table that has no key is read anew as a whole (docs/snapshots.md): nothing tells its rows from those that
// a sink has, so a sink that keeps rows as tables lets those of this one go first. Names as the source has
// them, unquoted.
struct Refill {
    std::string schema, table;
    bool begins = false;  // with this slice's first row: all that the sink has of the table goes before it
    bool ends = false;    // with this slice: the table is whole
};

struct Slice {
    SliceKind kind = SliceKind::transaction;
    std::string bytes;          // complete lines joined by '\n'
    std::vector<Event> events;  // views into bytes, in order; includes the b and e events
    bool first = false;         // holds the transaction's b event
    bool last = false;          // holds the transaction's e event
    Lsn commit_lsn;             // of the transaction; the consistent point for a snapshot
    Lsn end_lsn;                // of the transaction, known in its last slice only; else none
    std::uint32_t xid = 0;
    std::int64_t commit_time_us = 0;  // ts_source as µs since 1970-01-01 UTC
    // How long after the commit the server sent it, both by the server's clock: what the reader of the stream
    // is behind, and about what a sink may take to do many at once. 0 where it belongs to no commit.
    std::chrono::microseconds behind{0};
    // Of rows read beside the stream (docs/snapshots.md): which run they are of, else empty.
    std::string run_id;
    // Where not empty: what a sink that keeps its position stores with it, once it holds this slice and all
    // before it. Opaque to the sinks; the latest holds.
    std::string snapshot_progress;
    // Of it: 1 for a range of the first snapshot, 2, 3, … for what follows in the order of the slices; 0
    // without one, and where nobody asks whether it is durable.
    std::uint64_t progress_number = 0;
    std::optional<Refill> refill;
    ByteBudget::Lease lease;

    Slice() = default;
    Slice(const Slice&) = delete;  // events point into bytes
    Slice& operator=(const Slice&) = delete;
};

using SlicePtr = std::shared_ptr<const Slice>;

}  // namespace cdc
