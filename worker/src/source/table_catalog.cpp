#include "source/table_catalog.h"

#include <chrono>
#include <thread>

#include "source/captured_tables.h"
#include "source/source_connection.h"

namespace cdc::source {
namespace {

constexpr std::size_t most_known = 10000;  // definitions kept at hand

// How long a version is waited for here, where a commit is about to be seen; then by the pipeline's retry.
constexpr std::chrono::seconds visible_within{2};
constexpr std::chrono::milliseconds look_again_after{5};

const char* const recorded_sql =
    "SELECT definition FROM cdc_envelope.schema_history WHERE schema_name = $1 AND table_name = $2 AND "
    "version = $3";
const char* const later_sql =
    "SELECT FROM cdc_envelope.schema_history WHERE schema_name = $1 AND table_name = $2 AND version > $3 "
    "LIMIT 1";
// No row while the version is not visible, null where there is no such table.
const char* const ordinary_sql =
    "SELECT c.relispartition FROM cdc_envelope.schema_history h LEFT JOIN (pg_class c JOIN pg_namespace n ON "
    "n.oid = c.relnamespace AND c.relkind = 'r' AND c.relpersistence = 'p') ON n.nspname = $1 AND c.relname "
    "= "
    "$2 WHERE h.schema_name = $1 AND h.table_name = $2 AND h.version = $3";
// The extension's own function, so that the definition is the one that the plugin sees.
const char* const present_sql = "SELECT cdc_envelope.table_definition(to_regclass($1))";

}  // namespace

Status SqlTableCatalog::connect() {
    if (connection_) return {};
    auto opened = open_source_connection(dsn_, application_name_, pq::Mode::sql);
    if (!opened.ok()) return opened.status();
    connection_.emplace(std::move(*opened));
    return {};
}

// Asks once more, on a new connection, where the one at hand had been idle and broke unnoticed.
template <typename Question>
auto SqlTableCatalog::ask_again(Question question) -> decltype(question()) {
    const bool at_hand = connection_.has_value();
    auto answer = question();
    if (!answer.ok() && answer.status().code() == StatusCode::retry && at_hand) {
        connection_.reset();
        answer = question();
    }
    if (!answer.ok() && answer.status().code() == StatusCode::retry) connection_.reset();
    return answer;
}

Result<TableDefinition> SqlTableCatalog::definition(const std::string& schema, const std::string& table,
                                                    int schema_version) {
    const std::lock_guard lock(mutex_);
    const Key key(schema, table, schema_version);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    const std::string where = "definition of table " + schema + "." + table;
    const auto text = ask_again([&] { return ask(schema, table, schema_version); });
    if (!text.ok()) return text.status().in(where);
    auto parsed = parse_table_definition(*text);
    if (!parsed.ok()) return parsed.status().in(where);
    remember(key, *parsed);
    return parsed;
}

void SqlTableCatalog::learn(const std::string& schema, const std::string& table, int schema_version,
                            const TableDefinition& definition) {
    const std::lock_guard lock(mutex_);
    remember({schema, table, schema_version}, definition);
}

// A version's definition never changes; the present one does.
void SqlTableCatalog::remember(const Key& key, const TableDefinition& definition) {
    if (std::get<int>(key) == 0) return;
    if (known_.size() >= most_known) known_.clear();
    known_.emplace(key, definition);
}

Result<bool> SqlTableCatalog::is_ordinary(const std::string& schema, const std::string& table,
                                          int schema_version) {
    const std::lock_guard lock(mutex_);
    const auto rows = ask_again([&] {
        return ask_until_visible(ordinary_sql, {schema, table, schema_version});
    });
    if (!rows.ok()) return rows.status().in("looking at table " + schema + "." + table);
    if (rows->count() != 1 || rows->is_null(0, 0)) return false;
    return leaves_by_name_ || rows->text(0, 0) == "f";
}

Result<pq::Rows> SqlTableCatalog::query(const char* sql, const std::vector<const char*>& parameters) {
    CDC_RETURN_IF_ERROR(connect());
    auto rows = connection_->query(sql, parameters);
    if (rows.ok() || rows.status().code() != StatusCode::fatal) return rows;
    const std::string& state = connection_->last_sqlstate();
    if (state == "42501") return Status::fatal(rows.status().message(), grant_hint());
    if (state == "3F000" || state == "42P01" || state == "42883") {
        return Status::fatal(rows.status().message(),
                             "the source's database needs the extension: CREATE EXTENSION cdc_envelope");
    }
    return rows;
}

Result<pq::Rows> SqlTableCatalog::query(const char* sql, const Key& key) {
    const auto& [schema, table, schema_version] = key;
    const std::string version = std::to_string(schema_version);
    return query(sql, {schema.c_str(), table.c_str(), version.c_str()});
}

Result<pq::Rows> SqlTableCatalog::ask_until_visible(const char* sql, const Key& key) {
    const auto deadline = std::chrono::steady_clock::now() + visible_within;
    while (true) {
        auto rows = query(sql, key);
        if (!rows.ok() || rows->count() > 0 || std::chrono::steady_clock::now() > deadline) return rows;
        std::this_thread::sleep_for(look_again_after);
    }
}

// Rows of the history are never taken away while a slot may need them, and versions are visible in their
// order.
Status SqlTableCatalog::not_recorded(const Key& key) {
    const std::string what =
        "cdc_envelope.schema_history has no version " + std::to_string(std::get<int>(key)) + " of it";
    const auto later = query(later_sql, key);
    if (!later.ok()) return later.status();
    if (later->count() > 0) {
        return Status::fatal(what,
                             "rows of schema_history must not be removed while a slot may still need them");
    }
    return Status::retry(what + " that can be seen",
                         "the transaction that recorded it may be waiting for a synchronous standby");
}

Result<std::string> SqlTableCatalog::ask(const std::string& schema, const std::string& table,
                                         int schema_version) {
    if (schema_version > 0) {
        const Key key(schema, table, schema_version);
        auto rows = ask_until_visible(recorded_sql, key);
        if (!rows.ok()) return rows.status();
        return rows->count() == 1 ? Result<std::string>(std::string(rows->text(0, 0))) : not_recorded(key);
    }
    CDC_RETURN_IF_ERROR(connect());
    auto name = quoted_name(*connection_, schema, table);
    CDC_RETURN_IF_ERROR(name.status());
    auto rows = query(present_sql, std::vector<const char*>{name->c_str()});
    if (!rows.ok()) return rows.status();
    if (rows->count() == 1 && !rows->is_null(0, 0)) return std::string(rows->text(0, 0));
    return Status::fatal("the source has no such table any more");
}

std::string SqlTableCatalog::grant_hint() const {
    const std::string role = PQuser(connection_->native());
    return "GRANT USAGE ON SCHEMA cdc_envelope TO \"" + role +
           "\"; GRANT SELECT ON cdc_envelope.schema_history TO \"" + role + '"';
}

}  // namespace cdc::source
