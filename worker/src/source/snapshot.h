// SnapshotReader: reads the captured tables under a slot's exported snapshot, as envelopes (op r). Several
// readers, each with its own connection and thread, share one plan and together give every row once.
//
// Owner: the pipeline. Thread: each reader one at a time; readers of one plan side by side. Blocks while it
// waits for the server, asking `stop`. Failure: retry where the connection broke or a table is no longer what
// the snapshot shows (the snapshot has to begin again), fatal where the extension or a privilege is missing
// or a row can't be encoded. After a failure the object is only good for destruction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/lsn.h"
#include "base/status.h"
#include "config/config.h"
#include "pq/connection.h"
#include "source/captured_tables.h"
#include "source/chunk_reader.h"
#include "source/snapshot_plan.h"
#include "source/source_connection.h"

namespace cdc::source {

// A range of a table that has been read to its end.
struct ReadRange {
    std::size_t table = 0;      // index into tables()
    std::int64_t first = 0;     // pages
    std::int64_t end = 0;       // incremental::Ranges::no_end: all that follow
    std::int64_t filenode = 0;  // the table's; 0 where it is gone
};

struct SnapshotRows {
    RowBatch batch;
    std::size_t table = 0;              // index into tables()
    std::vector<ReadRange> read_whole;  // by this reader, with this batch or, without a row, before it
};

class SnapshotReader {
  public:
    // Imports the snapshot and lists the tables. consistent_point becomes every envelope's commit_lsn.
    static Result<SnapshotReader> open(const std::string& dsn, const std::string& application_name,
                                       const config::Source& source, const std::string& snapshot_name,
                                       Lsn consistent_point, StopCheck stop,
                                       const config::Snapshot& snapshot = {});
    // The same of this table alone, in one pass, and of it the rows that `condition` (SQL; empty: all) holds
    // for too.
    static Result<SnapshotReader> open_table(const std::string& dsn, const std::string& application_name,
                                             const config::Source& source, const std::string& snapshot_name,
                                             Lsn consistent_point, StopCheck stop, CapturedTable table,
                                             const std::string& condition);
    // One more reader of the same snapshot and plan, on a connection of its own.
    Result<SnapshotReader> another() const;

    // What will be read, in that order; a table without rows gives no batch. Without the unlogged ones.
    const std::vector<CapturedTable>& tables() const { return plan_->tables(); }
    // A snapshot that can be resumed (snapshot.resumable: true) is read in two parts, first those tables that
    // no run could go on with: how many they are; the first reader knows. The others are only read after
    // open_rest, which is for all readers.
    std::size_t tables_of_first_part() const { return first_part_; }
    void open_rest() { plan_->open_rest(); }
    // The oldest transaction that the snapshot might not see (64 bits): all before it had ended.
    std::uint64_t xmin() const { return shared_.xmin; }
    SnapshotPlan::Part part(std::size_t table) const { return plan_->part(table); }
    // Those that are left to runs beside the stream (snapshot.beside_stream); the first reader knows.
    const std::vector<CapturedTable>& tables_beside_the_stream() const { return beside_; }
    // Those that have been read and had none: indexes into tables(). After the last batch.
    std::vector<std::size_t> tables_without_rows() const { return plan_->without_rows(); }
    // The snapshot's time as every envelope's ts_source has it: "2026-02-07T05:55:21.123456Z".
    const std::string& snapshot_time() const { return shared_.time; }
    SnapshotProgress progress() const { return plan_->progress(); }

    // The next rows, about max_bytes of them (one row may be longer); nothing when this reader is not needed
    // any more. A batch never holds rows of two tables.
    Result<std::optional<SnapshotRows>> next(std::size_t max_bytes);
    // What it has read and told nobody of, as no row followed.
    std::vector<ReadRange> take_read_whole() { return std::exchange(read_whole_, {}); }

  private:
    // What all readers of a snapshot have alike.
    struct Shared {
        std::string dsn, application_name, snapshot_name;
        std::string time;
        std::string encode_arguments;
        std::uint64_t xmin = 0;
    };

    SnapshotReader(pq::Connection connection, Shared shared, StopCheck stop)
        : connection_(std::move(connection)),
          shared_(std::move(shared)),
          stop_(stop),
          chunk_(std::move(stop)) {}

    static Result<SnapshotReader> connect(Shared shared, StopCheck stop);
    static Result<SnapshotReader> open_without_plan(Shared shared, const config::Source& source,
                                                    Lsn consistent_point, StopCheck stop);
    Status import_snapshot();
    Status plan(const config::Source& source, const config::Snapshot& snapshot);
    Status ask_for_xmin();
    void end_range();
    Result<bool> turn_to_a_table();
    Status lock_table(const std::string& name, bool& there);
    Status verify_table(const std::string& name, bool& there);
    Status begin_range();
    Status leave_table();
    const CapturedTable& table() const { return plan_->tables()[at_]; }

    pq::Connection connection_;
    Shared shared_;
    StopCheck stop_;
    std::shared_ptr<SnapshotPlan> plan_;
    std::vector<CapturedTable> beside_;
    std::size_t first_part_ = 0;
    std::vector<ReadRange> read_whole_;  // and not told of yet
    std::size_t at_ = 0;                 // the table that this reader holds the lock of
    bool locked_ = false;                // there is one
    PageRange range_;                    // that is being read
    bool ranging_ = false;               // there is one
    std::int64_t rows_of_range_ = 0;
    ChunkReader chunk_;
};

}  // namespace cdc::source
