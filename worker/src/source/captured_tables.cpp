#include "source/captured_tables.h"

#include <map>

#include "base/number.h"
#include "source/plugin_options.h"
#include "source/table_filter.h"

namespace cdc::source {
namespace {

// 'a', 'b' for an IN list.
Result<std::string> literal_list(const pq::Connection& sql, const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& name : names) {
        auto literal = sql.quote_literal(name);
        CDC_RETURN_IF_ERROR(literal.status());
        list += (list.empty() ? "" : ", ") + *literal;
    }
    return list;
}

Status check_publications(pq::Connection& sql, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        auto rows = sql.query("SELECT FROM pg_publication WHERE pubname = $1", {name.c_str()});
        if (!rows.ok()) return rows.status().in("reading pg_publication");
        if (rows->count() > 0) continue;
        return Status::fatal(
            "publication \"" + name + "\" does not exist in this database",
            "CREATE PUBLICATION \"" + name + "\" FOR TABLE …; or correct source.publications");
    }
    return {};
}

// Temporary tables live in schemas of their own (pg_temp_N).
const char* const tables_sql =
    "SELECT c.oid, n.nspname, c.relname, greatest(c.reltuples, 0)::bigint, c.relpersistence = 'u', "
    "coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), true), "
    "coalesce(row_security_active(c.oid), false), "
    "c.relreplident, EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND CASE "
    "c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary AND i.indimmediate END), c.relpages";
const char* const from_sql =
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname <> "
    "'information_schema' AND n.nspname !~ '^pg_'";

// Whether the extension is there and the role may ask it.
Result<bool> can_ask_extension(pq::Connection& sql) {
    auto rows = sql.query(
        "SELECT count(*) = 2 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = "
        "'cdc_envelope' AND p.proname IN ('captures', 'row_filter') AND has_schema_privilege(n.oid, "
        "'USAGE')");
    if (!rows.ok()) return rows.status().in("looking for the extension");
    return rows->text(0, 0) == "t";
}

// The query for the tables. The extension captures no unlogged ones, which are listed all the same.
Result<std::string> listing_sql(pq::Connection& sql, const config::Source& source) {
    auto with_extension = can_ask_extension(sql);
    CDC_RETURN_IF_ERROR(with_extension.status());
    if (!*with_extension) return std::string(tables_sql) + ", NULL" + from_sql;
    auto options = literal_list(sql, capture_options(source));
    CDC_RETURN_IF_ERROR(options.status());
    const std::string arguments = "(c.oid, ARRAY[" + *options + "]::text[])";
    return tables_sql + (", cdc_envelope.row_filter" + arguments) + from_sql +
           " AND (c.relpersistence = 'u' OR cdc_envelope.captures" + arguments + ")";
}

// A partition is published with any of its ancestors; publish_via_partition_root lists the root only.
std::string published_sql(const std::string& publications) {
    return " AND EXISTS (SELECT FROM pg_publication p, pg_get_publication_tables(p.pubname) t WHERE "
           "p.pubname "
           "IN (" +
           publications +
           ") AND (t.relid = c.oid OR c.relispartition AND t.relid IN (SELECT relid FROM "
           "pg_partition_ancestors(c.oid))))";
}

using NamesByOid = std::map<std::uint32_t, std::vector<TableName>>;

// The names of the tables that each partition is a partition of.
Result<NamesByOid> ancestors_of_partitions(pq::Connection& sql) {
    auto rows = sql.query(
        "SELECT c.oid, n.nspname, a.relname FROM pg_class c, pg_partition_ancestors(c.oid) p JOIN pg_class a "
        "ON "
        "a.oid = p.relid JOIN pg_namespace n ON n.oid = a.relnamespace WHERE c.relispartition AND c.relkind "
        "= "
        "'r' AND p.relid <> c.oid");
    if (!rows.ok()) return rows.status().in("listing the partitions");
    NamesByOid names;
    for (int row = 0; row < rows->count(); ++row) {
        names[leading_number<std::uint32_t>(rows->text(row, 0))].push_back(
            {std::string(rows->text(row, 1)), std::string(rows->text(row, 2))});
    }
    return names;
}

CapturedTable read_table(const pq::Rows& rows, int row) {
    CapturedTable table;
    table.oid = leading_number<std::uint32_t>(rows.text(row, 0));
    table.schema = rows.text(row, 1);
    table.table = rows.text(row, 2);
    table.estimated_rows = leading_number<std::int64_t>(rows.text(row, 3));
    table.unlogged = rows.text(row, 4) == "t";
    table.readable = rows.text(row, 5) == "t";
    table.row_security = rows.text(row, 6) == "t";
    table.replica_identity = rows.text(row, 7).front();
    table.has_key = rows.text(row, 8) == "t";
    table.estimated_pages = leading_number<std::int64_t>(rows.text(row, 9));
    table.row_filter = rows.text(row, 10);
    return table;
}

// The configured conditions whose patterns match one of the names, all of them.
std::string where_of(const config::Source& source, const std::vector<TableName>& names) {
    std::string where;
    for (const auto& [pattern, condition] : source.where) {
        config::Source only;
        only.include_tables = {pattern};
        if (!TableFilter(only).captures(names)) continue;
        // A comment at the end of one must not reach further.
        where += (where.empty() ? "(" : " AND (") + condition + "\n)";
    }
    return where;
}

}  // namespace

Result<std::vector<CapturedTable>> captured_tables(pq::Connection& sql, const config::Source& source) {
    CDC_RETURN_IF_ERROR(check_publications(sql, source.publication_names));
    auto query = listing_sql(sql, source);
    CDC_RETURN_IF_ERROR(query.status());
    if (!source.publication_names.empty()) {
        auto publications = literal_list(sql, source.publication_names);
        CDC_RETURN_IF_ERROR(publications.status());
        *query += published_sql(*publications);
    }
    auto rows = sql.query(*query + " ORDER BY 2, 3");
    if (!rows.ok()) return rows.status().in("listing the tables");
    const auto ancestors = ancestors_of_partitions(sql);
    CDC_RETURN_IF_ERROR(ancestors.status());
    const TableFilter filter(source);
    std::vector<CapturedTable> tables;
    for (int row = 0; row < rows->count(); ++row) {
        CapturedTable table = read_table(*rows, row);
        std::vector<TableName> names = {{table.schema, table.table}};
        if (const auto found = ancestors->find(table.oid); found != ancestors->end()) {
            names.insert(names.end(), found->second.begin(), found->second.end());
            table.under_root = source.partition == "root";
        }
        if (!filter.captures(names)) continue;
        table.where = where_of(source, names);
        tables.push_back(std::move(table));
    }
    return tables;
}

Result<std::string> quoted_name(const pq::Connection& sql, const std::string& schema,
                                const std::string& table) {
    auto quoted_schema = sql.quote_identifier(schema);
    CDC_RETURN_IF_ERROR(quoted_schema.status());
    auto quoted_table = sql.quote_identifier(table);
    CDC_RETURN_IF_ERROR(quoted_table.status());
    return *quoted_schema + "." + *quoted_table;
}

}  // namespace cdc::source
