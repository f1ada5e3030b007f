#include "sinks/postgres/statements.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cdc::projection {
namespace {

using Columns = std::vector<const ProjectionColumn*>;

Columns key_columns(const ProjectionTable& table) {
    Columns out;
    for (const std::size_t i : table.key)
        out.push_back(&table.columns[i]);
    return out;
}

Columns columns_without(const ProjectionTable& table, const std::vector<std::size_t>& omitted) {
    Columns out;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        if (std::ranges::find(omitted, i) == omitted.end()) out.push_back(&table.columns[i]);
    }
    return out;
}

template <typename Text>
std::string joined(const Columns& columns, std::string_view separator, Text text) {
    std::string out;
    for (const ProjectionColumn* column : columns) {
        if (!out.empty()) out += separator;
        out += text(*column);
    }
    return out;
}

std::string parameter(int number) {
    return "$" + std::to_string(number);
}

// The parameter's rows as a FROM item: the columns with their types, json columns as the text they are.
std::string rows_of(int number, const std::string& alias, const Columns& columns) {
    std::string list = joined(columns, ", ", [](const ProjectionColumn& column) {
        return column.quoted + " " + (column.json_text ? "text" : column.type);
    });
    if (!list.empty()) list += ", ";
    return "json_to_recordset(" + parameter(number) + "::json) AS " + alias + "(" + list +
           "\"_source_id\" text, \"_seq\" bigint, \"_origin\" integer)";
}

std::string value_of(const std::string& alias, const ProjectionColumn& column) {
    const std::string value = alias + "." + column.quoted;
    return column.json_text ? value + "::" + column.type : value;
}

std::string keys_match(const ProjectionTable& table, const std::string& alias) {
    return joined(key_columns(table), " AND ", [&alias](const ProjectionColumn& column) {
        return "t." + column.quoted + " = " + value_of(alias, column);
    });
}

// A set of rows as a FROM item x, from parameter `first` on, as row_set.h sends it.
std::string set_of(const ProjectionTable& table, const Columns& columns, int first, bool keys_only) {
    if (!table.as_arrays) return rows_of(first, "x", columns);
    std::string arrays, names;
    for (const ProjectionColumn* column : columns) {
        arrays +=
            parameter(first++) + "::" + (column->from == ColumnFrom::text ? "text" : column->type) + "[], ";
        names += column->quoted + ", ";
    }
    if (keys_only) {
        arrays.resize(arrays.size() - 2);
        names.resize(names.size() - 2);
    } else {
        arrays += parameter(first) + "::text[], " + parameter(first + 1) + "::bigint[], " +
                  parameter(first + 2) + "::integer[]";
        names += "\"_source_id\", \"_seq\", \"_origin\"";
    }
    return "unnest(" + arrays + ") AS x(" + names + ")";
}

std::string value_in_set(const ProjectionTable& table, const ProjectionColumn& column) {
    if (!table.as_arrays) return value_of("x", column);
    const std::string value = "x." + column.quoted;
    return column.from == ColumnFrom::text ? value + "::" + column.type : value;
}

// The envelope columns' values, in the order of envelope_columns; origin: the first of its four parameters.
std::vector<std::pair<std::string, std::string>> envelope_values(int origin, const std::string& source_id,
                                                                 const std::string& seq, bool deleted) {
    std::vector<std::pair<std::string, std::string>> values;
    if (!source_id.empty()) values.emplace_back("_source_id", source_id);
    values.emplace_back("_evidence_id", parameter(origin) + "::text");
    values.emplace_back("_commit_lsn", parameter(origin + 1) + "::pg_lsn");
    values.emplace_back("_seq", seq);
    values.emplace_back("_schema_version", parameter(origin + 2) + "::integer");
    values.emplace_back("_ts_source", parameter(origin + 3) + "::timestamptz");
    values.emplace_back("_deleted", deleted ? "true" : "false");
    return values;
}

std::string envelope_assignments(int origin, const std::string& source_id, const std::string& seq,
                                 bool deleted) {
    std::string out;
    for (const auto& [name, value] : envelope_values(origin, source_id, seq, deleted)) {
        if (!out.empty()) out += ", ";
        out += "\"" + name + "\" = " + value;
    }
    return out;
}

std::string names_of(const Columns& columns) {
    std::string names;
    for (const ProjectionColumn* column : columns)
        names += column->quoted + ", ";
    for (const char* name : envelope_columns)
        names += "\"" + std::string(name) + "\", ";
    names.resize(names.size() - 2);
    return names;
}

std::string copy_sql(const ProjectionTable& table, const Columns& columns, bool with_origin) {
    std::string names = names_of(columns);
    if (!with_origin) {
        names = joined(columns, ", ", [](const ProjectionColumn& column) { return column.quoted; });
        names += std::string(names.empty() ? "" : ", ") + "\"" + envelope_columns[0] + "\"";
    }
    return "COPY " + table.quoted + " (" + names + ") FROM STDIN";
}

std::string insert_sql(const ProjectionTable& table, const Columns& columns, bool deleted) {
    std::string values;
    for (const ProjectionColumn* column : columns)
        values += value_in_set(table, *column) + ", ";
    values +=
        "x.\"_source_id\", $1::text, ($3::pg_lsn[])[abs(x.\"_origin\")], x.\"_seq\", $2::integer, "
        "($4::timestamptz[])[abs(x.\"_origin\")], ";
    values += deleted ? "true" : "x.\"_origin\" < 0";
    return "INSERT INTO " + table.quoted + " (" + names_of(columns) + ") SELECT " + values + " FROM " +
           set_of(table, columns, 5, false);
}

std::string upsert_sql(const ProjectionTable& table, const Columns& columns, bool deleted) {
    const Columns key = key_columns(table);
    std::string assignments;
    // A key that is equal in other bytes (1.0 and 1.00, citext) is the row's from here on.
    const bool same_key = table.key_is_canonical || deleted;
    for (const ProjectionColumn* column : columns) {
        if (same_key && std::ranges::find(key, column) != key.end()) continue;
        assignments += column->quoted + " = EXCLUDED." + column->quoted + ", ";
    }
    for (const char* name : envelope_columns) {
        if (name != envelope_columns[0]) assignments += ", ";
        assignments += "\"" + std::string(name) + "\" = EXCLUDED.\"" + name + "\"";
    }
    return insert_sql(table, columns, deleted) + " ON CONFLICT (" +
           joined(key, ", ", [](const ProjectionColumn& column) { return column.quoted; }) +
           ") DO UPDATE SET " + assignments;
}

std::string move_key_sql(const ProjectionTable& table) {
    const Columns key = key_columns(table);
    return "UPDATE " + table.quoted + " AS t SET " +
           joined(
               key, ", ",
               [](const ProjectionColumn& column) { return column.quoted + " = " + value_of("n", column); }) +
           " FROM " + rows_of(1, "o", key) + ", " + rows_of(2, "n", key) + " WHERE " + keys_match(table, "o");
}

// The place of one live row with the old image of $1 (its source_id) or, as the image of a row that was
// projected under an earlier definition hashes differently, with the columns of $2.
std::string place_of_old_image(const ProjectionTable& table) {
    const Columns columns = columns_without(table, {});
    std::string same = joined(columns, " AND ", [](const ProjectionColumn& column) {
        return "r." + column.quoted + "::text IS NOT DISTINCT FROM (" + value_of("o", column) + ")::text";
    });
    if (same.empty()) same = "true";
    return "COALESCE((SELECT r.ctid FROM " + table.quoted +
           " AS r WHERE r.\"_source_id\" = $1 AND NOT r.\"_deleted\" LIMIT 1), (SELECT r.ctid FROM " +
           table.quoted + " AS r, " + rows_of(2, "o", columns) + " WHERE NOT r.\"_deleted\" AND " + same +
           " LIMIT 1))";
}

// Wraps a change so that it fails where it changes nothing.
std::string must_change(const std::string& change) {
    return "WITH changed AS (" + change + " RETURNING 1) SELECT 1 / count(*) FROM changed";
}

std::string change_one_sql(const ProjectionTable& table, const Columns& columns, bool deleted) {
    std::string assignments;
    if (!deleted) {
        for (const ProjectionColumn* column : columns)
            assignments += column->quoted + " = " + value_of("x", *column) + ", ";
    }
    assignments += envelope_assignments(3, "x.\"_source_id\"", "x.\"_seq\"", deleted);
    return must_change("UPDATE " + table.quoted + " AS t SET " + assignments + " FROM " +
                       rows_of(7, "x", columns) + " WHERE t.ctid = " + place_of_old_image(table));
}

}  // namespace

std::vector<std::size_t> columns_of(const ProjectionTable& table, Action action,
                                    const std::vector<std::size_t>& omitted) {
    if (action == Action::tombstone || action == Action::remove) return table.key;
    std::vector<std::size_t> columns;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        if (std::ranges::find(omitted, i) == omitted.end()) columns.push_back(i);
    }
    return columns;
}

std::string statement_sql(const ProjectionTable& table, Action action,
                          const std::vector<std::size_t>& omitted) {
    const Columns columns = columns_without(table, omitted);
    const Columns key = key_columns(table);
    switch (action) {
        case Action::upsert:
            return upsert_sql(table, columns, false);
        case Action::tombstone:
            return upsert_sql(table, key, true);
        case Action::remove:
            return "DELETE FROM " + table.quoted + " AS t USING " + set_of(table, key, 1, true) + " WHERE " +
                   joined(key, " AND ", [&table](const ProjectionColumn& column) {
                       return "t." + column.quoted + " = " + value_in_set(table, column);
                   });
        case Action::clear_key:
            return "DELETE FROM " + table.quoted + " AS t USING " + rows_of(1, "x", key) + " WHERE " +
                   keys_match(table, "x") + " AND t.\"_deleted\"";
        case Action::move_key:
            return move_key_sql(table);
        case Action::append:
            return insert_sql(table, columns, false);
        case Action::load:
            return copy_sql(table, columns, true);
        case Action::load_short:
            return copy_sql(table, columns, false);
        case Action::replace_one:
            return change_one_sql(table, columns, false);
        case Action::tombstone_one:
            return change_one_sql(table, columns, true);
        case Action::remove_one:
            return must_change("DELETE FROM " + table.quoted +
                               " AS t WHERE t.ctid = " + place_of_old_image(table));
        case Action::tombstone_all:
            return "UPDATE " + table.quoted + " AS t SET " + envelope_assignments(2, "", "$6::bigint", true) +
                   " WHERE NOT t.\"_deleted\" AND " + of_source_table("t");
        case Action::remove_all:
            return "DELETE FROM " + table.quoted + " AS t WHERE " + of_source_table("t");
    }
    return {};
}

std::string of_source_table(const std::string& alias) {
    return "starts_with(" + alias + ".\"_source_id\", 'pg://') AND split_part(" + alias +
           ".\"_source_id\", '/', 5) = $1";
}

std::string create_table_sql(const ProjectionTable& table, bool with_key) {
    const Columns key = key_columns(table);
    std::string sql = "CREATE TABLE " + table.quoted + " (";
    for (const ProjectionColumn& column : table.columns) {
        const bool in_key = std::ranges::find(key, &column) != key.end();
        sql += column.quoted + " " + column.type + (in_key ? " NOT NULL, " : ", ");
    }
    sql +=
        "\"_source_id\" text NOT NULL, \"_evidence_id\" text, \"_commit_lsn\" pg_lsn, \"_seq\" bigint, "
        "\"_schema_version\" integer, \"_ts_source\" timestamptz, \"_deleted\" boolean NOT NULL DEFAULT "
        "false";
    if (!table.keyed()) return sql + "); CREATE INDEX ON " + table.quoted + " (\"_source_id\")";
    if (!with_key) return sql + ")";
    return sql + ", PRIMARY KEY (" +
           joined(key, ", ", [](const ProjectionColumn& column) { return column.quoted; }) + "))";
}

}  // namespace cdc::projection
