// What the target's catalogue says of a table and of types: the reading half of TableKeeper.
// Thread: one. Failure: as Session::run.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "envelope/table_definition.h"
#include "sinks/postgres/projection_table.h"
#include "sinks/postgres/session.h"
#include "sinks/postgres/target_name.h"

namespace cdc::projection {

struct TargetColumn {
    std::string name;
    std::string type;  // format_type
    bool not_null = false;
    bool has_default = false;
    bool generated = false;  // GENERATED ALWAYS, as a column or as an identity
    bool json = false;       // json, jsonb or a domain over them
    ColumnFrom from = ColumnFrom::text;
    bool canonical_key = false;  // equal values have the same JSON: see ProjectionTable::key_is_canonical
};

struct TargetTable {
    bool exists = false;
    bool writable = false;      // an ordinary or partitioned table
    bool ordered = false;       // see ProjectionTable::ordered
    bool row_security = false;  // policies apply to us: it takes no COPY
    std::vector<TargetColumn> columns;

    const TargetColumn* find(const std::string& name) const;
};

Result<TargetTable> read_target_table(Session& session, const TargetName& name);

// Whether ON CONFLICT on exactly these columns finds a unique index.
Result<bool> has_unique_index(Session& session, const TargetName& name,
                              const std::vector<std::string>& columns);

// Whether a table, by its quoted name, has no row that we can see.
Result<bool> is_empty(Session& session, const std::string& quoted_table);

struct TypeInTarget {
    bool known = false;
    bool builtin = false;  // of pg_catalog: means the same everywhere
};

// For each column of a definition: what the target makes of its type.
Result<std::vector<TypeInTarget>> look_up_types(Session& session,
                                                const std::vector<ColumnDefinition>& columns);

// A JSON array of strings, as the queries here take lists.
std::string json_array(const std::vector<std::string>& texts);

}  // namespace cdc::projection
