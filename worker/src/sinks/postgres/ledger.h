// Ledger: the sink's own tables in the target, in ledger_schema:
//   projection_ledger    one row for each applied source transaction, and one for the snapshot: the
//   provenance
//                        record (docs/operations.md), append-only
//   projection_position  one row for each projection: which source, how far (an end LSN), and whether
//                        streaming has begun; written in the same transaction as the data it speaks of
//   projection_table     which tables of the target belong to which projection
//
// Owner: the PostgresSink. Thread: one. Failure: retry where another worker holds the projection, or the
// target is in trouble; fatal where the tables can't be made or are not ours.
#pragma once

#include <optional>
#include <string>

#include "base/lsn.h"
#include "base/status.h"
#include "sinks/postgres/session.h"
#include "sinks/sink.h"

namespace cdc::projection {

// What the position statement writes for one source transaction. Its SQL is chosen by has_ledger_row.
struct PositionMove {
    Lsn from;              // end LSN that must be stored now
    Lsn to;                // end LSN to store
    bool durable = false;  // the commit waits for the target's disk
    bool has_ledger_row = false;
    // Of the ledger's row:
    Lsn commit_lsn;
    std::string evidence_id;
    std::string batch_id;  // the source's xid, or "snapshot"
    int schema_version = 0;
};

class Ledger {
  public:
    // Makes the tables where they are absent, and takes the projection's lock for as long as the session
    // lives. context outlives the ledger.
    Status open(Session& session, const std::string& ledger_schema, const SinkContext& context);

    // Also makes durable what it reads: with synchronous_commit off, a position can be seen before it is on
    // disk, and the slot must not be told of it then.
    Result<std::optional<StoredPosition>> stored_position(Session& session);

    // Inserts or replaces the projection's row. Part of the caller's transaction, if there is one.
    Status write_position(Session& session, Lsn end_lsn, bool streaming);
    // Marks that streaming has begun; the row is made at start_lsn where there is none.
    Status begin_streaming(Session& session, Lsn start_lsn);

    // The pipelined statement that moves the position. It fails with division_by_zero (22012) where the
    // stored position is not `from`: someone else moves it.
    Status send_move(Session& session, const PositionMove& move, Ticket ticket);

    // Quoted, for SQL.
    const std::string& table_of_tables() const { return tables_; }

  private:
    Status create_tables(Session& session, const std::string& ledger_schema);
    Status take_lock(Session& session);

    const SinkContext* context_ = nullptr;
    std::string ledger_;  // quoted names
    std::string position_;
    std::string tables_;
    std::string move_sql_;
    std::string move_with_ledger_sql_;
};

}  // namespace cdc::projection
