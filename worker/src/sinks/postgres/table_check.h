// The rules of what a table of the target must look like to be a projection. Thread: pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "envelope/table_definition.h"
#include "sinks/postgres/target_catalog.h"

namespace cdc::projection {

// The type that a projection's column is made with: the source's, or text where the target does not know it
// (an enum, a domain, an extension's type).
std::string projected_type(const ColumnDefinition& column, const TypeInTarget& type);

// Whether a column of the type `actual` takes the values of a source's column: it has the type that it would
// be made with, or one that was chosen for a type that only some databases know.
bool type_fits(const std::string& actual, const ColumnDefinition& column, const TypeInTarget& type);

// Fatal where the definition can't be projected at all: a column has the name of one of the projection's own.
Status check_definition(const std::string& source, const TableDefinition& definition);

// Fatal, naming table and column and the SQL that mends it, where an existing table can't take the rows: an
// envelope column or a key column is missing, a type differs, a column that is not in every row is NOT NULL
// or generated. may_add: a missing source column is no error, as the caller adds it. types: of
// definition.columns, in their order.
Status check_table(const std::string& target_name, const TableDefinition& definition,
                   const std::vector<std::string>& key, const std::vector<TypeInTarget>& types,
                   const TargetTable& target, bool may_add);

}  // namespace cdc::projection
