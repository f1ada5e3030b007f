// The requests to read a table beside the stream: cdc_envelope.snapshot_signal in the source's database. A
// row there is the request, its state and its progress; grants on the table decide who may ask.
//
// Owner: the caller. Thread: one at a time (the connection's). Failure: as pq::Connection::query.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "pq/connection.h"

namespace cdc::source {

struct SnapshotSignal {
    std::int64_t id = 0;
    std::string schema, table;  // unquoted
    std::string condition;      // SQL; empty: all rows
    std::string wanted;         // run, pause, stop
    std::string state;          // reading (snapshot_requests.h), requested, running, paused,
                                // done, stopped, failed
    std::string run_id;
    std::int64_t rows = 0, left_out = 0;  // delivered, and not, as the stream had told of them
    std::int64_t bytes = 0;               // of the events delivered
    std::int64_t chunks = 0, estimated_rows = 0;
    std::int64_t chunk_rows = 0;  // how many rows one statement reads
    double seconds = 0;           // since it was started, or until it ended
    std::string message;
    // What a first snapshot that was interrupted has delivered of the table, and the run leaves out
    // (incremental/first_snapshot.h); empty: nothing.
    std::string delivered;
    // While a first snapshot reads it: the table's, and those that are read whole. 0: it is not opened yet.
    std::int64_t pages = 0, pages_read = 0;

    std::int64_t passed() const { return rows + left_out; }
};

// False where the extension is not there, or of an earlier version without the table, or it may not be read
// or written; also on a standby, which writes nothing.
Result<bool> has_snapshot_signals(pq::Connection& sql);

// A slot's requests in order of id: those still open, or also the ended ones.
Result<std::vector<SnapshotSignal>> snapshot_signals(pq::Connection& sql, const std::string& slot,
                                                     bool ended_too);

// What is wanted of a request now; nothing where somebody has deleted it.
Result<std::optional<std::string>> wanted_of(pq::Connection& sql, std::int64_t id);

// How much of its table has been read, in percent: of a first snapshot by pages, else of the planner's guess;
// nothing where that can't be told: without a guess, and with a condition.
std::optional<int> percent_of(const SnapshotSignal& signal);
// Rows, share, bytes and chunks, and at `rate` rows a second (0: not known) the time that is left.
std::string progress_text(const SnapshotSignal& signal, double rate);

// The worker's report: state, run_id, rows, left_out, bytes, chunks, estimated_rows and message.
Status report(pq::Connection& sql, const SnapshotSignal& signal);

// Touches the request, which the stream does not capture: a commit that is in the WAL at once, so that an
// idle stream comes to where the WAL's end was before.
Status nudge(pq::Connection& sql, std::int64_t id);

// A person's commands; each returns how many requests it made or changed.
Result<int> request_snapshot(pq::Connection& sql, const std::string& slot, const std::string& schema,
                             const std::string& table, const std::string& condition);
// The worker's own: the whole table is to be read, where nobody has asked for that already.
Status request_whole_table(pq::Connection& sql, const std::string& slot, const std::string& schema,
                           const std::string& table, std::int64_t chunk_rows);
// Whether the worker can make requests, read them and report, as this option needs it: fatal with the way out
// where it can't.
Status check_may_request(pq::Connection& sql, const std::string& option);
// wanted: run, pause or stop, for the open requests; of one table where schema and table are not empty.
Result<int> want(pq::Connection& sql, const std::string& slot, const std::string& wanted,
                 const std::string& schema, const std::string& table);

}  // namespace cdc::source
