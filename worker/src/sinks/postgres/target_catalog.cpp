#include "sinks/postgres/target_catalog.h"

#include <algorithm>

#include "sinks/postgres/row_json.h"

namespace cdc::projection {
namespace {

constexpr const char* relation_sql =
    "SELECT c.oid, c.relkind IN ('r', 'p') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = $1 AND c.relname = $2";

// The base type is found through any number of domains.
constexpr const char* columns_sql =
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef OR a.attidentity <> "
    "'', "
    "a.attgenerated <> '' OR a.attidentity = 'a', b.base IN ('json'::regtype, 'jsonb'::regtype), "
    "b.base = ANY ('{smallint,integer,bigint,oid,uuid,text,character varying,character,boolean,date,"
    "timestamp,timestamptz,bytea,name}'::regtype[]) "
    "FROM pg_attribute a CROSS JOIN LATERAL (WITH RECURSIVE chain(type) AS (SELECT a.atttypid UNION ALL "
    "SELECT t.typbasetype FROM chain JOIN pg_type t ON t.oid = chain.type WHERE t.typtype = 'd') "
    "SELECT t.oid AS base FROM chain JOIN pg_type t ON t.oid = chain.type WHERE t.typtype <> 'd') b "
    "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

constexpr const char* unique_sql =
    "SELECT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON "
    "n.oid = "
    "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND i.indisvalid AND "
    "i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AND (SELECT array_agg(a.attname::text ORDER "
    "BY "
    "a.attname::text COLLATE \"C\") FROM generate_series(0, i.indnkeyatts - 1) k JOIN pg_attribute a ON "
    "a.attrelid = i.indrelid AND a.attnum = i.indkey[k]) = (SELECT array_agg(k ORDER BY k COLLATE \"C\") "
    "FROM "
    "json_array_elements_text($3::json) k))";

// A type's name that could hold a comment would not end where it seems to: it counts as unknown.
constexpr const char* types_sql =
    "SELECT r.type IS NOT NULL, coalesce((SELECT t.typnamespace = 'pg_catalog'::regnamespace FROM pg_type t "
    "WHERE t.oid = r.type), false) FROM json_array_elements_text($1::json) WITH ORDINALITY n(name, position) "
    "CROSS JOIN LATERAL (SELECT CASE WHEN n.name ~ '--|/[*]' THEN NULL ELSE to_regtype(n.name) END AS type) "
    "r "
    "ORDER BY n.position";

}  // namespace

const TargetColumn* TargetTable::find(const std::string& name) const {
    const auto found = std::ranges::find(columns, name, &TargetColumn::name);
    return found == columns.end() ? nullptr : &*found;
}

std::string json_array(const std::vector<std::string>& texts) {
    std::string out = "[";
    for (const std::string& text : texts) {
        if (out.size() > 1) out += ',';
        append_json_string(out, text);
    }
    return out + "]";
}

Result<TargetTable> read_target_table(Session& session, const TargetName& name) {
    const std::string where = "reading the definition of " + name.display();
    Result<pq::Rows> relation = session.run(where, relation_sql, {name.schema, name.table});
    if (!relation.ok()) return relation.status();
    TargetTable table;
    if (relation->count() == 0) return table;
    table.exists = true;
    table.writable = relation->text(0, 1) == "t";
    Result<pq::Rows> rows = session.run(where, columns_sql, {std::string(relation->text(0, 0))});
    if (!rows.ok()) return rows.status();
    for (int row = 0; row < rows->count(); ++row) {
        const auto yes = [&](int column) { return rows->text(row, column) == "t"; };
        table.columns.push_back({std::string(rows->text(row, 0)), std::string(rows->text(row, 1)), yes(2),
                                 yes(3), yes(4), yes(5), yes(6)});
    }
    return table;
}

Result<bool> has_unique_index(Session& session, const TargetName& name,
                              const std::vector<std::string>& columns) {
    Result<pq::Rows> rows = session.run("reading the indexes of " + name.display(), unique_sql,
                                        {name.schema, name.table, json_array(columns)});
    if (!rows.ok()) return rows.status();
    return rows->text(0, 0) == "t";
}

Result<std::vector<TypeInTarget>> look_up_types(Session& session,
                                                const std::vector<ColumnDefinition>& columns) {
    std::vector<std::string> names;
    for (const ColumnDefinition& column : columns)
        names.push_back(column.type);
    Result<pq::Rows> rows = session.run("looking up the columns' types", types_sql, {json_array(names)});
    if (!rows.ok()) return rows.status();
    std::vector<TypeInTarget> types;
    for (int row = 0; row < rows->count(); ++row)
        types.push_back({rows->text(row, 0) == "t", rows->text(row, 1) == "t"});
    return types;
}

}  // namespace cdc::projection
