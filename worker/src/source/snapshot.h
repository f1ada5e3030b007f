// SnapshotReader: reads the captured tables under a slot's exported snapshot, as envelopes (op r) that the
// extension's encode() makes with the same code as the stream.
//
// Owner: the pipeline. Thread: one at a time. Blocks while it waits for the server, asking `stop`. Failure:
// retry where the connection broke (the snapshot has to begin again), fatal where the extension or a
// privilege is missing or a row can't be encoded. After a failure the object is only good for destruction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/lsn.h"
#include "base/status.h"
#include "config/config.h"
#include "pq/connection.h"
#include "source/captured_tables.h"
#include "source/copy_binary.h"
#include "source/source_connection.h"

namespace cdc::source {

struct SnapshotChunk {
    std::string bytes;      // complete envelopes joined by '\n', without one at the end; never empty
    std::int64_t rows = 0;  // how many
    std::size_t table = 0;  // index into tables()
    bool last_of_table = false;
};

class SnapshotReader {
  public:
    // Imports the snapshot and lists the tables. consistent_point becomes every envelope's commit_lsn.
    static Result<SnapshotReader> open(const std::string& dsn, const std::string& application_name,
                                       const config::Source& source, const std::string& snapshot_name,
                                       Lsn consistent_point, StopCheck stop);

    // What will be read, in that order; a table without rows gives no chunk. Without the unlogged ones.
    const std::vector<CapturedTable>& tables() const { return tables_; }
    // The snapshot's time as every envelope's ts_source has it: "2026-02-07T05:55:21.123456Z".
    const std::string& snapshot_time() const { return snapshot_time_; }

    // The next rows, about max_bytes of them (one row may be longer); nothing when all tables are read. A
    // chunk never holds rows of two tables.
    Result<std::optional<SnapshotChunk>> next(std::size_t max_bytes);

  private:
    SnapshotReader(pq::Connection connection, StopCheck stop)
        : connection_(std::move(connection)), stop_(std::move(stop)) {}

    Status prepare(const config::Source& source, const std::string& snapshot_name, Lsn consistent_point);
    Status begin_table();
    Result<bool> lock_table(const std::string& name);
    Result<bool> fill(SnapshotChunk& chunk, std::size_t max_bytes);
    Result<bool> receive();
    Status end_table();
    Status table_error(const Status& status, std::string_view sqlstate) const;

    pq::Connection connection_;
    StopCheck stop_;
    std::vector<CapturedTable> tables_;
    std::string snapshot_time_;
    std::string encode_arguments_;  // everything after the row, as SQL
    std::size_t at_ = 0;            // the table being read
    bool copying_ = false;
    CopyBinaryReader rows_;
    std::unique_ptr<char, void (*)(void*)> message_{nullptr, PQfreemem};
    std::optional<std::string> carried_;  // a row that did not fit into the chunk before
};

}  // namespace cdc::source
