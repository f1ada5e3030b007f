// CopyRows: rows of the initial snapshot as the lines of a COPY FROM STDIN, for a table that was empty
// (ProjectionTable::copied). Text format (PostgreSQL docs, COPY, "Text Format"): a column's text is read by
// its type's input function, whatever the type. Measured beside one statement of arrays:
// docs/decisions/0331. Owner: the Batcher. Thread: one. Failure: fatal where an image is not a JSON object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/lsn.h"
#include "base/status.h"
#include "envelope/event.h"
#include "sinks/postgres/image_columns.h"
#include "sinks/postgres/projection_table.h"
#include "sinks/postgres/row_json.h"

namespace cdc::projection {

class CopyRows {
  public:
    // with_origin: false where the table's defaults say what follows the source_id.
    CopyRows(const ProjectionTable& table, bool with_origin);

    // evidence_id: the content of the JSON string.
    Status append(std::string_view image, const Event& event, std::string_view evidence_id,
                  const ImageOptions& options);

    std::size_t size() const { return rows_; }
    std::size_t bytes() const { return lines_.size(); }
    // The lines; there are none then.
    std::string take();

  private:
    struct Origin {
        Lsn commit_lsn;
        std::int64_t seq = -1;
        std::int32_t schema_version = 0;
        bool operator==(const Origin&) const = default;
    };

    void append_origin(const Event& event);

    const ProjectionTable* table_;
    bool with_origin_;
    std::vector<std::size_t> columns_;  // all
    ImageColumns image_;
    std::string lines_;
    Origin origin_;  // of the row before
    std::string ts_source_;
    std::string origin_text_;
    std::size_t rows_ = 0;
};

// Appends text as COPY reads it back: what would end the value, the row or an escape is escaped.
void append_copy_text(std::string& out, std::string_view text);

}  // namespace cdc::projection
