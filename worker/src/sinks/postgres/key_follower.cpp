#include "sinks/postgres/key_follower.h"

#include <algorithm>

#include "base/log.h"
#include "sinks/postgres/target_catalog.h"

namespace cdc::projection {
namespace {

struct PrimaryKey {
    std::string constraint;  // empty where there is none
    std::vector<std::string> columns;
};

constexpr const char* primary_key_sql =
    "SELECT c.conname, a.attname FROM pg_constraint c "
    "JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace "
    "CROSS JOIN LATERAL unnest(c.conkey) AS k(attnum) "
    "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum "
    "WHERE c.contype = 'p' AND n.nspname = $1 AND t.relname = $2";

Result<PrimaryKey> read_primary_key(Session& session, const TargetName& target) {
    Result<pq::Rows> rows = session.run("reading the primary key of " + target.display(), primary_key_sql,
                                        {target.schema, target.table});
    if (!rows.ok()) return rows.status();
    PrimaryKey key;
    for (int row = 0; row < rows->count(); ++row) {
        key.constraint = rows->text(row, 0);
        key.columns.emplace_back(rows->text(row, 1));
    }
    return key;
}

Status drop_primary_key(Session& session, const TargetName& target, const std::string& quoted,
                        const PrimaryKey& present) {
    Result<std::string> constraint = session.quote_identifier(present.constraint);
    if (!constraint.ok()) return constraint.status();
    std::string sql = "ALTER TABLE " + quoted + " DROP CONSTRAINT " + *constraint;
    for (const std::string& column : present.columns) {
        Result<std::string> name = session.quote_identifier(column);
        if (!name.ok()) return name.status();
        sql += ", ALTER COLUMN " + *name + " DROP NOT NULL";
    }
    return session.run_script("dropping the primary key of projection table " + target.display(), sql);
}

Status add_primary_key(Session& session, const TargetName& target, const std::string& quoted,
                       const std::vector<std::string>& key) {
    std::string list;
    for (const std::string& column : key) {
        Result<std::string> name = session.quote_identifier(column);
        if (!name.ok()) return name.status();
        list += (list.empty() ? "" : ", ") + *name;
    }
    const Status made =
        session.run_script("making (" + list + ") the primary key of projection table " + target.display(),
                           "DELETE FROM " + quoted + " WHERE \"_deleted\"; ALTER TABLE " + quoted +
                               " ADD PRIMARY KEY (" + list + ")");
    if (made.code() != StatusCode::fatal && made.code() != StatusCode::reject) return made;
    // The stream tells nothing of the rows that are there already.
    return Status::fatal(made.message(),
                         "where the source's key column was renamed: ALTER TABLE " + target.display() +
                             " RENAME COLUMN <its name so far> TO <its name now>; where the key is of other "
                             "columns: fill them in the rows that are there; then start again");
}

bool same_columns(std::vector<std::string> one, std::vector<std::string> other) {
    std::ranges::sort(one);
    std::ranges::sort(other);
    return one == other;
}

}  // namespace

Status follow_key(Session& session, const TargetName& target, const std::string& quoted,
                  const std::vector<std::string>& key) {
    Result<PrimaryKey> present = read_primary_key(session, target);
    if (!present.ok()) return present.status();
    if (same_columns(present->columns, key)) return {};
    if (!key.empty()) {
        Result<bool> unique = has_unique_index(session, target, key);
        if (!unique.ok()) return unique.status();
        if (*unique) return {};
    }
    if (!present->constraint.empty()) {
        log_info("projection table {}: the source's key is no longer its primary key, which is dropped",
                 target.display());
        CDC_RETURN_IF_ERROR(drop_primary_key(session, target, quoted, *present));
    }
    if (key.empty()) {
        return session.run_script("indexing projection table " + target.display(),
                                  "CREATE INDEX ON " + quoted + " (\"_source_id\")");
    }
    log_info("projection table {}: the source has a new key, which becomes its primary key",
             target.display());
    return add_primary_key(session, target, quoted, key);
}

}  // namespace cdc::projection
