// RowSet: the rows of one statement, gathered one by one, possibly of several source transactions.
//
// A table whose columns all hold single values goes as one array a column (unnest): the server then reads
// each value by itself. A table with arrays or composites goes as JSON (json_to_recordset), whose nesting the
// server knows how to read. Measured per row at the server, eight columns: arrays 8.6 us, JSON 10.4 us;
// docs/decisions/0231.
//
// Every row carries its _source_id, its _seq and its origin: an index, from 1, into what is sent once for
// each source transaction (commit_lsn and ts_source); negative where the row was deleted. Owner: the Batcher.
// Thread: one. Failure: fatal where an image is not a JSON object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "envelope/event.h"
#include "sinks/postgres/image_columns.h"
#include "sinks/postgres/parameter.h"
#include "sinks/postgres/projection_table.h"
#include "sinks/postgres/row_json.h"

namespace cdc::projection {

class RowSet {
  public:
    RowSet() = default;
    // columns: those of the table that the rows have, in its order. keys_only: rows that only say which they
    // are (no _source_id, _seq, origin).
    RowSet(const ProjectionTable& table, std::vector<std::size_t> columns, bool keys_only)
        : table_(&table), columns_(std::move(columns)), keys_only_(keys_only) {}

    Status append(std::string_view image, const Event& event, const ImageOptions& options);
    // Puts another image into the place of row `at`.
    Status replace(std::size_t at, std::string_view image, const Event& event, const ImageOptions& options);
    // Row `at` was deleted by the event: it keeps its values, and is a tombstone.
    void bury(std::size_t at, const Event& event);

    std::size_t size() const { return rows_.size(); }
    bool empty() const { return rows_.empty(); }
    std::size_t bytes() const { return data_.size(); }

    // The statement's parameters, as statements.h lists them for "rows"; the set is empty then.
    std::vector<Parameter> take_rows();
    // commit_lsn and ts_source of each origin, as array literals.
    std::vector<Parameter> origins() const;

  private:
    struct Row {
        std::size_t begin = 0;  // in data_
        std::size_t end = 0;
        std::int64_t seq = -1;
        std::int32_t origin = 0;
    };

    Status encode(Row& row, std::string_view image, const Event& event, const ImageOptions& options);
    Status encode_values(std::string_view image, const ImageOptions& options);
    std::int32_t origin_of(const Event& event);
    std::vector<Parameter> take_arrays();
    Parameter take_json();
    Parameter take_column(const ProjectionColumn& column, std::vector<std::size_t>& places) const;

    const ProjectionTable* table_ = nullptr;
    std::vector<std::size_t> columns_;
    bool keys_only_ = false;
    std::string data_;  // arrays: each row's values one after the other, as array elements; or JSON objects
    std::vector<Row> rows_;
    struct Origin {
        Lsn commit_lsn;
        std::string ts_source;
    };
    std::vector<Origin> origins_;
    ImageColumns image_;
};

}  // namespace cdc::projection
