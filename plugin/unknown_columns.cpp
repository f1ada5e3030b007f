#include "unknown_columns.h"

#include "definition.h"
#include "schema_version.h"

namespace cdc {
namespace {

bool is_there(const ColumnRule& rule) {
    const Oid schema = get_namespace_oid(rule.schema, true);
    const Oid relid = OidIsValid(schema) ? get_relname_relid(rule.table, schema) : InvalidOid;
    return OidIsValid(relid) && get_attnum(relid, rule.column) != InvalidAttrNumber;
}

bool was_there(const ColumnRule& rule) {
    const Oid oid = find_history();
    Relation history = OidIsValid(oid) ? RelationIdGetRelation(oid) : nullptr;
    if (history == nullptr) return false;
    TupleDesc descriptor = RelationGetDescr(history);
    SysScanDesc scan = systable_beginscan(history, InvalidOid, false, nullptr, 0, nullptr);
    bool found = false;
    while (HeapTuple row = found ? nullptr : systable_getnext(scan)) {
        if (strcmp(history_text(descriptor, row, history_schema_name), rule.schema) != 0) continue;
        if (strcmp(history_text(descriptor, row, history_table_name), rule.table) != 0) continue;
        const char* const definition = history_text(descriptor, row, history_definition);
        found = definition != nullptr && definition_has_column(definition, rule.column);
    }
    systable_endscan(scan);
    RelationClose(history);
    return found;
}

bool is_named(const ColumnRule& rule, const List* names) {
    ListCell* cell;
    foreach (cell, names) {
        const auto* name = static_cast<const TableName*>(lfirst(cell));
        if (strcmp(rule.schema, name->schema) == 0 && strcmp(rule.table, name->table) == 0) return true;
    }
    return names == NIL;
}

void warn_each(const List* rules, const List* names, const char* where, const char* consequence) {
    ListCell* cell;
    foreach (cell, rules) {
        const auto* rule = static_cast<const ColumnRule*>(lfirst(cell));
        if (!is_named(*rule, names) || is_there(*rule) || was_there(*rule)) continue;
        ereport(WARNING, (errcode(ERRCODE_UNDEFINED_COLUMN),
                          errmsg("there is no column \"%s\" of a table \"%s.%s\", which %s names",
                                 rule->column, rule->schema, rule->table, where),
                          errhint("%s", consequence)));
    }
}

}  // namespace

void warn_of_unknown_columns(const Rules& rules, const List* names, const char* where) {
    warn_each(rules.masks, names, where,
              "Nothing is masked by it until there is one. Names are as in the catalogue, case included.");
    warn_each(rules.columns, names, where, "Names are as in the catalogue, case included.");
}

}  // namespace cdc
