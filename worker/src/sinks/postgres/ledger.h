// Ledger: the sink's own tables in the target, in ledger_schema:
//   projection_ledger       one row for each applied source transaction, and one for the snapshot: the
//                           provenance record (docs/operations.md), append-only
//   projection_position     one row for each projection: which source, how far (an end LSN), whether
//   streaming
//                           has begun, and the fence; written in the same transaction as the data
//   projection_table        which tables of the target belong to which projection, and whose key is still to
//                           be made (key_to_come: its columns, a JSON array)
//   projection_dead_letter  the events that the target refused, whole, where on_reject is park
//
// The fence is a number that whoever begins to stream (who then holds the slot) or to snapshot counts up;
// every target transaction demands that it is still its own. A worker that lost its slot without noticing
// finds it changed and can't write any more.
//
// Owner: the PostgresSink. Thread: one. Failure: retry where another worker holds the projection, or the
// target is in trouble; fatal where the tables can't be made or are not ours.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "base/status.h"
#include "envelope/event.h"
#include "sinks/postgres/session.h"
#include "sinks/sink.h"

namespace cdc::projection {

// The ledger's row of one source transaction.
struct AppliedTransaction {
    Lsn commit_lsn;
    std::string evidence_id;
    std::string batch_id;  // the source's xid, or "snapshot"
    int schema_version = 0;
};

// What the statement that moves the position writes.
struct PositionMove {
    Lsn from;              // end LSN that must be stored now
    Lsn to;                // end LSN to store
    bool durable = false;  // the commit waits for the target's disk
    std::vector<AppliedTransaction> applied;
    bool may_be_noted = false;      // the ledger may have rows of these already, which are replaced
    std::string snapshot_progress;  // to store (envelope/slice.h); empty: what is stored stays
};

// An event that the target refuses.
struct DeadLetter {
    const Event& event;
    const std::string& sqlstate;  // empty where it was the sink that refused it
    const std::string& reason;
    const std::string& hint;
};

class Ledger {
  public:
    // Makes the tables where they are absent, and takes the projection's lock, for as long as the session
    // lives, if nobody has it. context outlives the ledger.
    Status open(Session& session, const std::string& ledger_schema, const SinkContext& context);
    // Retry where another worker has the lock; names it.
    Status require_lock(Session& session);

    // Also makes durable what it reads: with synchronous_commit off, a position can be seen before it is on
    // disk, and the slot must not be told of it then.
    Result<std::optional<StoredPosition>> stored_position(Session& session);

    // Inserts or replaces the projection's row and counts the fence up. Part of the caller's transaction, if
    // there is one.
    Status write_position(Session& session, Lsn end_lsn, bool streaming);
    // Streaming begins, so the slot is ours: a worker that still has the lock has lost it, and is ended. The
    // stored position, as it was read, must still be there (none: there must be none); it becomes start_lsn.
    // Retry where it is not.
    Status begin_streaming(Session& session, Lsn stored, Lsn start_lsn);

    // The pipelined statement that moves the position. It fails with division_by_zero (22012) where the
    // stored position is not `from`, or the fence is not ours; with unique_violation (23505) where the ledger
    // has one of these transactions, though they can't be noted.
    Status send_move(Session& session, const PositionMove& move, Ticket ticket);
    // Why send_move failed so.
    Status why_not_moved(Session& session) const;

    // Parks an event whole; waits. In the caller's transaction.
    Status park(Session& session, const DeadLetter& letter);

    // Quoted, for SQL.
    const std::string& table_of_tables() const { return tables_; }

  private:
    Status create_tables(Session& session, const std::string& ledger_schema);
    Status add_column(Session& session, const std::string& ledger_schema, const std::string& table,
                      const std::string& name, const std::string& definition);
    Status try_lock(Session& session);
    Status end_holder(Session& session);
    Status fenced(Result<pq::Rows> rows);

    const SinkContext* context_ = nullptr;
    std::string ledger_;  // quoted names
    std::string position_;
    std::string tables_;
    std::string dead_letters_;
    std::string move_sql_;
    std::string move_and_note_sql_;
    std::string move_and_note_again_sql_;
    bool locked_ = false;
    std::int64_t fence_ = 0;
};

}  // namespace cdc::projection
