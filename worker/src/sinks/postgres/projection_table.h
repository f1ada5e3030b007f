// ProjectionTable: a table of the target as one schema_version of its source sees it, ready for SQL: names
// quoted, types as the target itself prints them. Owner: TableKeeper, for as long as the sink is open.
// Thread: plain value.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/lsn.h"

namespace cdc::projection {

// How a column's values reach the server where the rows go as arrays.
enum class ColumnFrom {
    text,  // an array of texts, each cast to the type: built-in types, whose casts from text are their input
    literal,  // an array of the type itself: someone may have made a cast from text that means something else
    json,     // neither: arrays, composites and domains over them
};

struct ProjectionColumn {
    std::string name;        // unquoted
    std::string quoted;      // as an SQL identifier
    std::string type;        // as the target's format_type prints it
    bool json_text = false;  // json, jsonb or a domain over them: handed over as the document's text
    ColumnFrom from = ColumnFrom::text;
};

// What a snapshot's rows of one definition have in common. While such rows are loaded into a table that was
// made for them, it is the default of the table's columns, and no line of the COPY says it again.
struct LoadOrigin {
    std::string evidence_id;  // the content of the JSON string
    Lsn commit_lsn;
    int schema_version = 0;
    std::string ts_source;
};

struct ProjectionTable {
    std::string source;  // schema.table of the source, for messages
    std::string target;  // schema.table of the target, for messages
    std::string quoted;  // the target's name as SQL
    int schema_version = 0;
    std::string fingerprint;                // of that definition
    std::vector<ProjectionColumn> columns;  // the source's columns, in its order
    std::vector<std::size_t> key;           // indexes into columns; empty: a table without a key
    // Two keys are equal only where their JSON is the same bytes. False for numeric (1.0 = 1.00), citext and
    // their like, and texts under a nondeterministic collation: then no statement may hold two rows, as they
    // could be one.
    bool key_is_canonical = true;
    // Rows go as one array a column; false where a column needs JSON.
    bool as_arrays = true;
    // Which row comes first matters beyond its own key: the target has another unique or exclusion
    // constraint, a foreign key in either direction, or a trigger. Such tables' changes keep the source's
    // order, also among each other.
    bool ordered = false;
    // It was empty when the initial snapshot came to it: the snapshot's rows meet none of their keys, and are
    // inserted without looking for one (docs/decisions/0304).
    bool fresh = false;
    // The initial snapshot's rows are copied into it (docs/decisions/0331): no row of it can meet another,
    // and COPY does to it what an INSERT would.
    bool copied = false;
    std::optional<LoadOrigin> load_origin;
    // Columns that events of schema_version 0 still had and the source's table has not: not projected.
    std::vector<std::string> ignored;

    bool keyed() const { return !key.empty(); }
};

// The columns that the projection adds to those of the source.
inline constexpr const char* envelope_columns[] = {"_source_id",      "_evidence_id", "_commit_lsn", "_seq",
                                                   "_schema_version", "_ts_source",   "_deleted"};

}  // namespace cdc::projection
