// ChunkReader: a run of one table's rows, read by a COPY in whatever transaction the connection is in, as the
// envelopes (op r) that the extension's encode() makes with the same code as the stream. Which rows is the
// caller's condition: a range of ctid, of keys, anything that SQL says. It knows no snapshot and no plan.
//
// Owner: who owns the connection, which outlives it and does nothing else while a chunk is open. Thread: one
// at a time. Blocks while it waits for the server, asking `stop`. Failure: retry where the connection broke
// or it was stopped, fatal where the extension or a privilege is missing or a row can't be encoded; the
// transaction is then only good for rolling back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/lsn.h"
#include "base/status.h"
#include "config/config.h"
#include "pq/connection.h"
#include "source/captured_tables.h"
#include "source/copy_binary.h"
#include "source/source_connection.h"

namespace cdc::source {

// Settings of the transaction that make reading exact and quick (SET LOCAL): no row is hidden by row
// security, and encode() need not set and put back its own for every row.
Status prepare_to_read(pq::Connection& connection);

// Fatal, with the line that mends it, where the extension is not there or may not be used.
Status check_extension(pq::Connection& connection);

// The transaction's time as an envelope's ts_source has it: "2026-02-07T05:55:21.123456Z".
Result<std::string> transaction_time(pq::Connection& connection);

// encode()'s arguments after the row, as SQL: op r at this position and time, under the pipeline's options.
Result<std::string> encode_arguments(const pq::Connection& connection, const config::Source& source, Lsn lsn,
                                     const std::string& time);

// What a statement about this table was refused for, with the way out.
Status table_error(const pq::Connection& connection, const CapturedTable& table, const Status& status,
                   std::string_view sqlstate);

struct RowBatch {
    std::string bytes;      // complete envelopes joined by '\n', without one at the end; never empty
    std::int64_t rows = 0;  // how many
};

class ChunkReader {
  public:
    // Which rows: conditions are SQL over the table under the name "row"; the publications' row filter and
    // the configured one are added by begin.
    struct Range {
        std::string condition = {};  // empty: every row
        std::string order = {};      // "ORDER BY … LIMIT …", where the order matters
    };

    explicit ChunkReader(StopCheck stop) : stop_(std::move(stop)) {}

    // Sends the COPY. encode_arguments: as the function above made them.
    Status begin(pq::Connection& connection, const CapturedTable& table, const std::string& encode_arguments,
                 const Range& range);
    bool open() const { return open_; }
    // Whether next() has nothing more to give.
    bool at_end() const { return !open_ && !carried_; }

    // The next rows, about max_bytes of them (one row may be longer); nothing at the end of the range. The
    // range is over, and the connection free, as soon as open() is false: also after a batch.
    Result<std::optional<RowBatch>> next(pq::Connection& connection, std::size_t max_bytes);

  private:
    Result<bool> receive(pq::Connection& connection);
    Status end(pq::Connection& connection);

    StopCheck stop_;
    CapturedTable table_;
    bool open_ = false;
    CopyBinaryReader rows_;
    std::unique_ptr<char, void (*)(void*)> message_{nullptr, PQfreemem};
    std::optional<std::string> carried_;  // a row that did not fit into the batch before
};

}  // namespace cdc::source
