// TableKeeper's deferred keys: a table that the initial snapshot makes is loaded without its primary key,
// which is built when the rows are there (docs/decisions/0332).
#include <chrono>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "envelope/event_reader.h"
#include "sinks/postgres/table_keeper.h"

namespace cdc::projection {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds tell_every{10};

// $1, $2: the table; $3: the columns, a JSON array. The index's name (what PostgreSQL would give it, where
// that is short enough and free), the columns' list, and whether there is a primary key.
constexpr const char* key_sql =
    "SELECT quote_ident(CASE WHEN octet_length($2::text) <= 58 AND NOT EXISTS (SELECT FROM pg_class o WHERE "
    "o.relnamespace = c.relnamespace AND o.relname = $2::text || '_pkey') THEN $2::text || '_pkey' ELSE "
    "'cdc_key_' || "
    "c.oid END), (SELECT string_agg(quote_ident(k.name), ', ' ORDER BY k.place) FROM "
    "json_array_elements_text($3::json) WITH ORDINALITY k(name, place)), EXISTS (SELECT "
    "FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) FROM pg_class c JOIN pg_namespace n ON "
    "n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2::text";

constexpr const char* no_defaults =
    " ALTER COLUMN \"_evidence_id\" DROP DEFAULT, ALTER COLUMN \"_commit_lsn\" DROP DEFAULT, ALTER COLUMN "
    "\"_schema_version\" DROP DEFAULT, ALTER COLUMN \"_ts_source\" DROP DEFAULT";

}  // namespace

// Only an ordinary table of the source: of one that is partitioned, parts with keys of their own may have
// rows under one key, and only a key that is there finds them. And only where the event's own definition says
// what the key is.
Result<bool> TableKeeper::may_defer_key(const Event& event, const std::vector<std::string>& key) {
    if (!loading_ || event.op != Op::read || event.schema_version == 0 || key.empty()) return false;
    return is_to_be_made(event);
}

// For as long as nothing but a load meets the table. Where something else does, it gets its key here.
Result<bool> TableKeeper::key_stays_deferred(const Names& names, const Registration& registration,
                                             const std::vector<std::string>& key) {
    if (registration.key_to_come.empty()) return false;
    if (loading_ && registration.key_to_come == json_array(key)) {
        Result<std::string> quoted = quoted_name(names.target);
        if (!quoted.ok()) return quoted.status();
        const Result<bool> empty = is_empty(session_, *quoted);
        if (!empty.ok() || *empty) return empty;
    }
    CDC_RETURN_IF_ERROR(make_key(names, registration.key_to_come));
    return false;
}

Status TableKeeper::make_keys() {
    Result<pq::Rows> rows =
        session_.run("reading the projection's tables",
                     "SELECT source_schema, source_table, target_schema, target_table, key_to_come FROM " +
                         registry_ + " WHERE projection_name = $1 AND key_to_come IS NOT NULL",
                     {context_.projection});
    if (!rows.ok()) return rows.status();
    for (int row = 0; row < rows->count(); ++row) {
        const auto text = [&](int column) { return std::string(rows->text(row, column)); };
        CDC_RETURN_IF_ERROR(session_.run_script("making a key", "BEGIN"));
        CDC_RETURN_IF_ERROR(make_key({text(0), text(1), {text(2), text(3)}}, text(4)));
        CDC_RETURN_IF_ERROR(session_.run_script("making a key", "COMMIT"));
    }
    return {};
}

Status TableKeeper::set_load_origin(const Names& names, const Event& event, const EventBody& body,
                                    ProjectionTable& table) {
    if (event.op != Op::read || event.seq >= 0 || event.ts_source.empty()) return {};
    const LoadOrigin origin{std::string(body.evidence_id), event.commit_lsn, event.schema_version,
                            std::string(event.ts_source)};
    const std::pair<const char*, std::string> values[] = {
        {"_evidence_id", unescape_json(body.evidence_id)},
        {"_commit_lsn", origin.commit_lsn.to_string()},
        {"_schema_version", std::to_string(origin.schema_version)},
        {"_ts_source", origin.ts_source}};
    std::string changes;
    for (const auto& [column, value] : values) {
        Result<std::string> literal = session_.quote_literal(value);
        if (!literal.ok()) return literal.status();
        changes += std::string(changes.empty() ? "" : ",") + " ALTER COLUMN \"" + column + "\" SET DEFAULT " +
                   *literal;
    }
    CDC_RETURN_IF_ERROR(session_.run_script("preparing projection table " + names.target.display(),
                                            "ALTER TABLE " + table.quoted + changes));
    table.load_origin = origin;
    return {};
}

// Readers go on while the index is built, and wait only while it is made the key; nobody else writes.
Status TableKeeper::make_key(const Names& names, const std::string& key_to_come) {
    const std::string where = "making the primary key of projection table " + names.target.display();
    Result<pq::Rows> key =
        session_.run(where, key_sql, {names.target.schema, names.target.table, key_to_come});
    if (!key.ok()) return key.status();
    Result<std::string> table = quoted_name(names.target);
    if (!table.ok()) return table.status();
    if (key->count() > 0) {  // else someone has dropped it, which its next row finds
        const std::string index(key->text(0, 0));
        const Clock::time_point began = Clock::now();
        Clock::time_point told = began;
        const auto go_on = [&] {
            if (Clock::now() - told >= tell_every) {
                told = Clock::now();
                log_info("{}: for {} s so far", where,
                         std::chrono::duration_cast<std::chrono::seconds>(told - began).count());
            }
            return !context_.stopping();
        };
        CDC_RETURN_IF_ERROR(failpoint("postgres.before_key"));
        const bool there = key->text(0, 2) == "t";  // someone has made it
        Status status;
        if (!there) {
            status = session_.run_long(
                where,
                "CREATE UNIQUE INDEX " + index + " ON " + *table + " (" + std::string(key->text(0, 1)) + ")",
                go_on);
        }
        if (status.ok()) {
            status = session_.run_long(where,
                                       "ALTER TABLE " + *table + no_defaults +
                                           (there ? std::string() : ", ADD PRIMARY KEY USING INDEX " + index),
                                       go_on);
        }
        if (status.code() == StatusCode::reject) {  // no event's fault
            return Status::fatal(status.message(),
                                 "the rows of the snapshot can't have the source's key: exclude the table "
                                 "(source: exclude_tables), or drop " +
                                     names.target.display() + " and take a new snapshot");
        }
        CDC_RETURN_IF_ERROR(status);
    }
    return session_
        .run(where,
             "UPDATE " + registry_ +
                 " SET key_to_come = NULL WHERE projection_name = $1 AND source_schema = $2 AND source_table "
                 "= $3",
             {context_.projection, names.schema, names.table})
        .status();
}

}  // namespace cdc::projection
