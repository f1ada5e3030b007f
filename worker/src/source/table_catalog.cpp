#include "source/table_catalog.h"

#include "source/captured_tables.h"
#include "source/source_connection.h"

namespace cdc::source {
namespace {

constexpr std::size_t most_known = 10000;  // definitions kept at hand

const char* const recorded_sql =
    "SELECT definition FROM cdc_envelope.schema_history WHERE schema_name = $1 AND table_name = $2 AND "
    "version "
    "= $3";
// The extension's own function, so that the definition is the one that the plugin sees.
const char* const present_sql = "SELECT cdc_envelope.table_definition(to_regclass($1))";

}  // namespace

Result<TableDefinition> SqlTableCatalog::definition(const std::string& schema, const std::string& table,
                                                    int schema_version) {
    const std::lock_guard lock(mutex_);
    const auto key = std::make_tuple(schema, table, schema_version);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    const std::string where = "definition of table " + schema + "." + table;
    auto text = ask(schema, table, schema_version);
    if (!text.ok() && text.status().code() == StatusCode::retry && connection_) {
        // The connection had been idle and broke unnoticed: once more on a new one.
        connection_.reset();
        text = ask(schema, table, schema_version);
    }
    if (!text.ok()) {
        if (text.status().code() == StatusCode::retry) connection_.reset();
        return text.status().in(where);
    }
    auto parsed = parse_table_definition(*text);
    if (!parsed.ok()) return parsed.status().in(where);
    // A version's definition never changes; the present one does.
    if (schema_version > 0) {
        if (known_.size() >= most_known) known_.clear();
        known_.emplace(key, *parsed);
    }
    return parsed;
}

Result<std::string> SqlTableCatalog::ask(const std::string& schema, const std::string& table,
                                         int schema_version) {
    if (!connection_) {
        auto opened = open_source_connection(dsn_, application_name_, pq::Mode::sql);
        if (!opened.ok()) return opened.status();
        connection_.emplace(std::move(*opened));
    }
    const std::string version = std::to_string(schema_version);
    auto name = quoted_name(*connection_, schema, table);
    CDC_RETURN_IF_ERROR(name.status());
    auto rows = schema_version > 0
                    ? connection_->query(recorded_sql, {schema.c_str(), table.c_str(), version.c_str()})
                    : connection_->query(present_sql, {name->c_str()});
    if (!rows.ok()) {
        const std::string& state = connection_->last_sqlstate();
        if (rows.status().code() != StatusCode::fatal) return rows.status();
        if (state == "42501") return Status::fatal(rows.status().message(), grant_hint());
        if (state == "3F000" || state == "42P01" || state == "42883") {
            return Status::fatal(rows.status().message(),
                                 "the source's database needs the extension: CREATE EXTENSION cdc_envelope");
        }
        return rows.status();
    }
    if (rows->count() == 1 && !rows->is_null(0, 0)) return std::string(rows->text(0, 0));
    if (schema_version == 0) return Status::fatal("the source has no such table any more");
    return Status::fatal("cdc_envelope.schema_history has no version " + version + " of it",
                         "rows of schema_history must not be removed while a slot may still need them");
}

std::string SqlTableCatalog::grant_hint() const {
    const std::string role = PQuser(connection_->native());
    return "GRANT USAGE ON SCHEMA cdc_envelope TO \"" + role +
           "\"; GRANT SELECT ON cdc_envelope.schema_history TO \"" + role + '"';
}

}  // namespace cdc::source
