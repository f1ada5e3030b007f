// SqlTableCatalog: the definition of a table as of a schema_version, from the source's
// cdc_envelope.schema_history, or as it is now where the version is not recorded. Opens its connection on the
// first question and keeps the recorded answers (they never change). A version that the stream speaks of may
// not be visible yet: its transaction is decoded as soon as its commit record is on disk, and other sessions
// see it a moment later, or much later where it waits for a synchronous standby (RecordTransactionCommit and
// ProcArrayEndTransaction in xact.c). It is waited for. Owner: the pipeline; outlives the sinks. Thread: safe
// from any (one mutex). Failure: retry where the source can't be reached or a version is not visible, fatal
// where there is no such table or version.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "envelope/table_catalog.h"
#include "pq/connection.h"

namespace cdc::source {

class SqlTableCatalog : public TableCatalog {
  public:
    // leaves_by_name: a partition's rows come under its own name (option partition: leaf).
    SqlTableCatalog(std::string dsn, std::string application_name, bool leaves_by_name = false)
        : dsn_(std::move(dsn)),
          application_name_(std::move(application_name)),
          leaves_by_name_(leaves_by_name) {}

    Result<TableDefinition> definition(const std::string& schema, const std::string& table,
                                       int schema_version) override;
    void learn(const std::string& schema, const std::string& table, int schema_version,
               const TableDefinition& definition) override;
    Result<bool> is_ordinary(const std::string& schema, const std::string& table,
                             int schema_version) override;

  private:
    using Key = std::tuple<std::string, std::string, int>;

    Status connect();
    void remember(const Key& key, const TableDefinition& definition);
    Result<std::string> ask(const std::string& schema, const std::string& table, int schema_version);
    Result<pq::Rows> query(const char* sql, const std::vector<const char*>& parameters);
    Result<pq::Rows> query(const char* sql, const Key& key);
    Result<pq::Rows> ask_until_visible(const char* sql, const Key& key);
    Status not_recorded(const Key& key);
    template <typename Question>
    auto ask_again(Question question) -> decltype(question());
    std::string grant_hint() const;

    const std::string dsn_;
    const std::string application_name_;
    const bool leaves_by_name_;
    std::mutex mutex_;
    std::optional<pq::Connection> connection_;
    std::map<Key, TableDefinition> known_;
};

}  // namespace cdc::source
