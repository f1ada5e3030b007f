// Reading a table beside the stream, in the order of its key, a chunk at a time: each in a short transaction
// of its own, under a snapshot that is told with it (incremental/chunk.h).
//
// The table is locked (ACCESS SHARE) before the snapshot is taken: a TRUNCATE or a rewrite, which are not
// MVCC-safe (PostgreSQL docs, "Caveats" of MVCC), are then either before the snapshot or after the chunk.
//
// Owner: the pipeline's Backfill. Thread: one at a time. Blocks while it waits for the server, asking `stop`.
// Failure: retry where the connection broke or a lock could not be had in time, fatal where the table can't
// be read in this way; the connection is then only good for rolling back or closing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/config.h"
#include "incremental/chunk.h"
#include "incremental/chunk_window.h"
#include "incremental/first_snapshot.h"
#include "pq/connection.h"
#include "source/captured_tables.h"
#include "source/source_connection.h"

namespace cdc::source {

// A table as it is now, with its canonical key (docs/envelope.md, "key").
struct KeyTable {
    struct Column {
        std::string name;
        std::string quoted;
        std::string type;       // as format_type has it
        std::string collation;  // its oid; 0: none
    };
    CapturedTable table;
    std::string quoted;  // name, for SQL
    std::vector<Column> key;
    incremental::TableNames names;
    // It has no key: nothing tells which of its rows a change is of, so that it can only be read as a whole,
    // in one pass.
    bool in_one_pass() const { return key.empty(); }

    // What a key of it is good for: another key, order, table of that name or place among partitions has
    // another form.
    std::string form() const;
};

// Fatal where the pipeline doesn't capture the table, it is unlogged, or its key is masked.
Result<KeyTable> describe_table(pq::Connection& sql, const config::Source& source, const std::string& schema,
                                const std::string& table);

// Whether the table can be read in chunks, by its key.
Result<bool> can_be_read_beside(pq::Connection& sql, const config::Source& source,
                                const CapturedTable& table);

struct ChunkRequest {
    std::string after;               // key of the last row read; empty: from the table's start
    std::vector<std::string> again;  // keys of rows to read besides
    std::string condition;           // SQL over the table's columns; empty: all rows
    // Rows that need not come: a first snapshot has delivered them, and they have not changed since.
    std::optional<incremental::DeliveredPages> delivered = {};
    std::size_t max_rows = 10000;
    std::size_t max_bytes = 16u << 20;     // of envelopes; one row may be longer
    std::chrono::milliseconds max_time{};  // the chunk ends when it has a row and took so long; 0: never
};

struct ReadChunk {
    incremental::Chunk chunk;
    std::string last;  // key of the last row in the order of the key; request.after where there was none
    bool end = false;  // there are no rows behind it
    // The table has not the form that it was described with: nothing was read.
    bool of_another_form = false;
};

Result<ReadChunk> read_chunk(pq::Connection& sql, const config::Source& source, const KeyTable& table,
                             const ChunkRequest& request, const StopCheck& stop);

}  // namespace cdc::source
