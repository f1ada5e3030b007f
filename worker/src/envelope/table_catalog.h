// TableCatalog: where a sink that must know a table's columns and types asks for them.
// Implemented by the source (source/table_catalog.cpp) over cdc_envelope.schema_history. Thread: safe from
// any.
#pragma once

#include <string>

#include "base/status.h"
#include "envelope/table_definition.h"

namespace cdc {

class TableCatalog {
  public:
    virtual ~TableCatalog() = default;

    // The definition of schema.table (unquoted names) as of schema_version; version 0 (not recorded) means
    // the table as it is now. retry where the source can't be reached, fatal where there is no such table.
    virtual Result<TableDefinition> definition(const std::string& schema, const std::string& table,
                                               int schema_version) = 0;
};

}  // namespace cdc
