#include "sinks/postgres/table_check.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "sinks/postgres/projection_table.h"

namespace cdc::projection {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> envelope_types = {{
    {"_source_id", "text"},
    {"_evidence_id", "text"},
    {"_commit_lsn", "pg_lsn"},
    {"_seq", "bigint"},
    {"_schema_version", "integer"},
    {"_ts_source", "timestamp with time zone"},
    {"_deleted", "boolean"},
}};

Status wrong(const std::string& table, const std::string& what, const std::string& alter) {
    return Status::fatal("projection table " + table + ": " + what,
                         "ALTER TABLE " + table + " " + alter +
                             ", or drop the table and let cdc-worker make it; then start again");
}

Status check_envelope_columns(const std::string& table, const TargetTable& target) {
    for (const auto& [name, type] : envelope_types) {
        const std::string column(name);
        const TargetColumn* found = target.find(column);
        if (found == nullptr) {
            return wrong(table, "column " + column + " is missing",
                         "ADD COLUMN " + column + " " + std::string(type) +
                             (column == "_deleted" ? " NOT NULL DEFAULT false" : ""));
        }
        if (found->type != type) {
            return wrong(table, "column " + column + " is " + found->type + ", must be " + std::string(type),
                         "ALTER COLUMN " + column + " TYPE " + std::string(type));
        }
        if (found->generated)
            return wrong(table, "column " + column + " is generated", "DROP COLUMN " + column);
    }
    return {};
}

Status check_source_column(const std::string& table, const ColumnDefinition& column, const TypeInTarget& type,
                           bool in_key, const TargetTable& target, bool may_add) {
    const TargetColumn* found = target.find(column.name);
    const std::string wanted = projected_type(column, type);
    if (found == nullptr) {
        if (may_add && !in_key) return {};
        return wrong(table, "column " + column.name + " is missing",
                     "ADD COLUMN " + column.name + " " + wanted);
    }
    if (!type_fits(found->type, column, type)) {
        return wrong(table,
                     "column " + column.name + " is " + found->type + ", but " + wanted + " at the source",
                     "ALTER COLUMN " + column.name + " TYPE " + wanted);
    }
    if (found->generated) {
        return wrong(table, "column " + column.name + " is generated, so it can't take the source's value",
                     "ALTER COLUMN " + column.name + " DROP EXPRESSION");
    }
    if (found->not_null && !in_key) {
        return wrong(table,
                     "column " + column.name + " is NOT NULL, which a tombstone of an unknown row can't fill",
                     "ALTER COLUMN " + column.name + " DROP NOT NULL");
    }
    return {};
}

}  // namespace

std::string projected_type(const ColumnDefinition& column, const TypeInTarget& type) {
    return type.known ? column.type : "text";
}

bool type_fits(const std::string& actual, const ColumnDefinition& column, const TypeInTarget& type) {
    if (actual == projected_type(column, type)) return true;
    return !type.builtin && (!type.known || actual == "text");
}

Status check_definition(const std::string& source, const TableDefinition& definition) {
    for (const ColumnDefinition& column : definition.columns) {
        const bool taken =
            std::ranges::any_of(envelope_types, [&](const auto& own) { return own.first == column.name; });
        if (taken) {
            return Status::fatal(
                "column " + column.name + " of " + source + " has the name of a column of every projection",
                "rename the column at the source, or exclude the table (source: exclude_tables)");
        }
    }
    return {};
}

Status check_table(const std::string& target_name, const TableDefinition& definition,
                   const std::vector<std::string>& key, const std::vector<TypeInTarget>& types,
                   const TargetTable& target, bool may_add) {
    if (!target.writable) {
        return Status::fatal("projection table " + target_name + ": the relation of that name is not a table",
                             "drop it, or name the projection otherwise (sink: table)");
    }
    CDC_RETURN_IF_ERROR(check_envelope_columns(target_name, target));
    for (std::size_t i = 0; i < definition.columns.size(); ++i) {
        const ColumnDefinition& column = definition.columns[i];
        const bool in_key = std::ranges::find(key, column.name) != key.end();
        CDC_RETURN_IF_ERROR(check_source_column(target_name, column, types[i], in_key, target, may_add));
    }
    for (const TargetColumn& column : target.columns) {
        const bool filled =
            std::ranges::find(definition.columns, column.name, &ColumnDefinition::name) !=
                definition.columns.end() ||
            std::ranges::any_of(envelope_types, [&](const auto& own) { return own.first == column.name; });
        if (filled || !column.not_null || column.has_default) continue;
        return wrong(target_name,
                     "column " + column.name + " is NOT NULL without a default, but not at the source",
                     "ALTER COLUMN " + column.name + " DROP NOT NULL");
    }
    return {};
}

}  // namespace cdc::projection
