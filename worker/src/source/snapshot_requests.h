// The requests of a first snapshot: for each table that it reads at the slot's point and that could be read
// beside the stream too, a row of cdc_envelope.snapshot_signal in the state `reading`, which no run takes up.
// It is made before a slot is kept for the snapshot, so that whoever finds that slot can tell what was to be
// read, and leave what is missing to runs.
//
// Owner: the caller, and so are transactions. Thread: one at a time (the connection's). Failure: as
// pq::Connection::query.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "pq/connection.h"
#include "source/captured_tables.h"
#include "source/snapshot_plan.h"
#include "source/source_connection.h"

namespace cdc::source {

struct ReadingRequest {
    std::int64_t id = 0;
    std::string schema, table;  // unquoted
};

// In the order of their ids.
Result<std::vector<ReadingRequest>> reading_requests(pq::Connection& sql, const std::string& slot);

// Has one for each of these tables and for no other: those that an earlier snapshot left are used again, or
// are stopped. Gives their ids in the order of the tables.
Result<std::vector<std::int64_t>> request_reading(pq::Connection& sql, const std::string& slot,
                                                  const std::vector<CapturedTable>& tables,
                                                  std::int64_t chunk_rows);

struct ReadTable {
    std::int64_t id = 0;
    std::int64_t estimated_rows = 0;
    SnapshotPlan::Part part;
};
// How far they are, with what is read and not stored yet. Asks `stop` while it waits.
Status report_reading(pq::Connection& sql, const std::vector<ReadTable>& tables, const StopCheck& stop);
// The snapshot is durable everywhere: they are done. Retry where one is not `reading` any more.
Status end_reading(pq::Connection& sql, const std::vector<ReadTable>& tables);
// None is `reading` any more: they are stopped, and the message says why.
Status stop_reading(pq::Connection& sql, const std::string& slot, const std::string& message);

struct RunInstead {
    std::int64_t id = 0;
    bool done = false;      // nothing is missing
    std::string delivered;  // what a run need not deliver (incremental/first_snapshot.h); empty: nothing
};
// Makes them requests that a run takes up, or done ones, in one statement.
Status leave_to_runs(pq::Connection& sql, const std::vector<RunInstead>& requests);

// One worker at a time reads a slot's first snapshot, though nobody streams from the slot then: for as long
// as the connection lives it has this lock. False where another one has it.
Result<bool> lock_snapshot(pq::Connection& sql, const std::string& slot);
// The process id of the server's that has it; 0: nobody.
Result<int> snapshot_holder(pq::Connection& sql, const std::string& slot);

}  // namespace cdc::source
