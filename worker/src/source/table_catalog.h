// SqlTableCatalog: the definition of a table as of a schema_version, from the source's
// cdc_envelope.schema_history, or as it is now where the version is not recorded. Opens its connection on the
// first question and keeps the recorded answers (they never change). Owner: the pipeline; outlives the sinks.
// Thread: safe from any (one mutex). Failure: retry where the source can't be reached, fatal where there is
// no such table or version.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include "envelope/table_catalog.h"
#include "pq/connection.h"

namespace cdc::source {

class SqlTableCatalog : public TableCatalog {
  public:
    SqlTableCatalog(std::string dsn, std::string application_name)
        : dsn_(std::move(dsn)), application_name_(std::move(application_name)) {}

    Result<TableDefinition> definition(const std::string& schema, const std::string& table,
                                       int schema_version) override;

  private:
    Result<std::string> ask(const std::string& schema, const std::string& table, int schema_version);
    std::string grant_hint() const;

    const std::string dsn_;
    const std::string application_name_;
    std::mutex mutex_;
    std::optional<pq::Connection> connection_;
    std::map<std::tuple<std::string, std::string, int>, TableDefinition> known_;
};

}  // namespace cdc::source
