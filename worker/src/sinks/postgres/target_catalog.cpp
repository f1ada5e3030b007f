#include "sinks/postgres/target_catalog.h"

#include <algorithm>
#include <utility>

#include "sinks/postgres/row_json.h"

namespace cdc::projection {
namespace {

// Ordered: a unique or exclusion constraint beside the primary key, a foreign key in either direction, a
// trigger, a rule; of the table itself or, where it is partitioned, of any part of it.
constexpr const char* relation_sql =
    "SELECT c.oid, c.relkind IN ('r', 'p'), EXISTS (SELECT FROM (SELECT c.oid AS relid UNION SELECT relid "
    "FROM pg_partition_tree(c.oid)) p WHERE EXISTS (SELECT FROM pg_index i WHERE i.indrelid = p.relid AND "
    "(i.indisunique OR i.indisexclusion) AND NOT i.indisprimary) OR EXISTS (SELECT FROM pg_constraint f "
    "WHERE "
    "f.contype = 'f' AND p.relid IN (f.conrelid, f.confrelid)) OR EXISTS (SELECT FROM pg_trigger t WHERE "
    "t.tgrelid = p.relid AND NOT t.tgisinternal) OR EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = "
    "p.relid)), row_security_active(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = $1 AND "
    "c.relname = $2";

// The base type is found through any number of domains.
constexpr const char* columns_sql =
    "SELECT a.attname, CASE WHEN b.nested THEN 'json' WHEN t.typnamespace = 'pg_catalog'::regnamespace AND "
    "t.typtype <> 'd' THEN 'text' WHEN t.typarray <> 0 AND t.typdelim = ',' THEN 'literal' ELSE 'json' END, "
    "format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef OR a.attidentity <> "
    "'', "
    "a.attgenerated <> '' OR a.attidentity = 'a', b.base IN ('json'::regtype, 'jsonb'::regtype), "
    "b.base = ANY ('{smallint,integer,bigint,oid,uuid,text,character varying,character,boolean,date,"
    "timestamp,timestamptz,bytea,name}'::regtype[]) AND NOT EXISTS (SELECT FROM pg_collation l WHERE l.oid = "
    "a.attcollation AND NOT l.collisdeterministic) "
    "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid CROSS JOIN LATERAL (WITH RECURSIVE chain(type) "
    "AS (SELECT a.atttypid UNION ALL "
    "SELECT d.typbasetype FROM chain JOIN pg_type d ON d.oid = chain.type WHERE d.typtype = 'd') "
    "SELECT t.oid AS base, t.typcategory = 'A' OR t.typtype NOT IN ('b', 'e', 'r', 'm') AS nested FROM chain "
    "JOIN pg_type t ON t.oid = chain.type WHERE t.typtype <> 'd') b "
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

ColumnFrom column_from(std::string_view word) {
    if (word == "text") return ColumnFrom::text;
    return word == "literal" ? ColumnFrom::literal : ColumnFrom::json;
}

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
    table.ordered = relation->text(0, 2) == "t";
    table.row_security = relation->text(0, 3) == "t";
    Result<pq::Rows> rows = session.run(where, columns_sql, {std::string(relation->text(0, 0))});
    if (!rows.ok()) return rows.status();
    for (int row = 0; row < rows->count(); ++row) {
        const auto yes = [&](int column) { return rows->text(row, column) == "t"; };
        TargetColumn column;
        column.name = rows->text(row, 0);
        column.from = column_from(rows->text(row, 1));
        column.type = rows->text(row, 2);
        column.not_null = yes(3);
        column.has_default = yes(4);
        column.generated = yes(5);
        column.json = yes(6);
        column.canonical_key = yes(7);
        table.columns.push_back(std::move(column));
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

Result<bool> is_empty(Session& session, const std::string& quoted_table) {
    Result<pq::Rows> rows =
        session.run("looking for rows in " + quoted_table, "SELECT FROM " + quoted_table + " LIMIT 1");
    if (!rows.ok()) return rows.status();
    return rows->count() == 0;
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
