// TableDefinition: what the envelope calls a definition (docs/envelope.md, "schema_version"): the columns,
// the key and the replica identity of a table as of one schema_version. Thread: plain value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace cdc {

struct ColumnDefinition {
    std::string name;
    std::string type;  // as format_type prints it with an empty search_path: "numeric(10,2)", "public.mood"
    bool nullable = true;
    int position = 0;
};

struct TableDefinition {
    std::vector<ColumnDefinition> columns;
    std::vector<std::string> key;  // empty where the table has none
    std::string replica_identity;  // default, full, index, nothing
    std::string fingerprint;       // "sha256:…"
};

// Parses a definition object. Fatal where the text is not one.
Result<TableDefinition> parse_table_definition(std::string_view json);

}  // namespace cdc
