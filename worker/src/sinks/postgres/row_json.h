// The rows of an envelope as the JSON that the sink's statements read with json_to_recordset.
//
// An image is valid input for its own columns (docs/envelope.md, "Values"), so its bytes go on as they are,
// with two members put before them: _source_id and _seq. The exception is a table with json columns: there
// the document goes as a string of its text, because json_to_recordset would turn a JSON null into an SQL
// NULL, and refuses \u0000 anywhere in what it parses although the type json allows it. Thread: pure
// functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "envelope/event.h"
#include "sinks/postgres/projection_table.h"

namespace cdc::projection {

struct ImageOptions {
    std::string_view source_id = {};                      // instead of the event's
    const std::vector<std::string>* json_null = nullptr;  // "after.doc": JSON nulls, not SQL NULLs
    std::string_view json_null_prefix = "after.";
    bool json_as_string = false;  // json columns are strings of text already
    int origin = 0;               // from 1: goes as _origin (row_set.h)
};

// Appends one object: the row's _source_id and _seq, then the image's members. Fatal where image is not a
// JSON object.
Status append_row(std::string& out, const ProjectionTable& table, const Event& event, std::string_view image,
                  const ImageOptions& options);

// Appends text as a JSON string.
void append_json_string(std::string& out, std::string_view text);

}  // namespace cdc::projection
