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

    // What the stream itself says of a version: it need not be asked for, and may not be there yet for who
    // asks (a transaction is decoded before other sessions see it).
    virtual void learn(const std::string& schema, const std::string& table, int schema_version,
                       const TableDefinition& definition) = 0;

    // Whether schema.table, of which a version was recorded just now, has rows under its own name for sure:
    // an ordinary table, or a partition where those go by their own names; not partitioned. False where there
    // is none any more. retry as above.
    virtual Result<bool> is_ordinary(const std::string& schema, const std::string& table,
                                     int schema_version) = 0;
};

}  // namespace cdc
