#include "unknown_names.h"

#include "definition.h"
#include "schema_version.h"

namespace cdc {
namespace {

// What a rule names; column is null where it is a table.
struct Subject {
    const char* schema;
    const char* table;
    const char* column;
};

bool is_there(const Subject& subject) {
    const Oid schema = get_namespace_oid(subject.schema, true);
    const Oid relid = OidIsValid(schema) ? get_relname_relid(subject.table, schema) : InvalidOid;
    return OidIsValid(relid) &&
           (subject.column == nullptr || get_attnum(relid, subject.column) != InvalidAttrNumber);
}

bool records(TupleDesc descriptor, HeapTuple row, const Subject& subject) {
    if (strcmp(history_text(descriptor, row, history_schema_name), subject.schema) != 0) return false;
    if (strcmp(history_text(descriptor, row, history_table_name), subject.table) != 0) return false;
    if (subject.column == nullptr) return true;
    const char* const definition = history_text(descriptor, row, history_definition);
    return definition != nullptr && definition_has_column(definition, subject.column);
}

bool was_there(const Subject& subject) {
    const Oid oid = find_history();
    Relation history = OidIsValid(oid) ? RelationIdGetRelation(oid) : nullptr;
    if (history == nullptr) return false;
    SysScanDesc scan = systable_beginscan(history, InvalidOid, false, nullptr, 0, nullptr);
    bool found = false;
    while (HeapTuple row = found ? nullptr : systable_getnext(scan))
        found = records(RelationGetDescr(history), row, subject);
    systable_endscan(scan);
    RelationClose(history);
    return found;
}

constexpr char kSpelling[] = "Names are as in the catalogue, case included.";

// names: NIL for those of all tables.
void warn_of_columns(const List* rules, const List* names, const char* where, const char* consequence) {
    ListCell* cell;
    foreach (cell, rules) {
        const auto* rule = static_cast<const ColumnRule*>(lfirst(cell));
        const Subject subject = {rule->schema, rule->table, rule->column};
        if (names != NIL && !rule_names_table(*rule, names)) continue;
        if (is_there(subject) || was_there(subject)) continue;
        ereport(WARNING, (errcode(ERRCODE_UNDEFINED_COLUMN),
                          errmsg("there is no column \"%s\" of a table \"%s.%s\", which %s names",
                                 rule->column, rule->schema, rule->table, where),
                          errhint("%s%s", consequence, kSpelling)));
    }
}

void warn_of_exclusions(const List* patterns, const char* where) {
    ListCell* cell;
    foreach (cell, patterns) {
        const auto* pattern = static_cast<const TablePattern*>(lfirst(cell));
        if (strchr(pattern->schema, '*') != nullptr || strchr(pattern->table, '*') != nullptr) continue;
        const Subject subject = {pattern->schema, pattern->table, nullptr};
        if (is_there(subject) || was_there(subject)) continue;
        ereport(WARNING, (errcode(ERRCODE_UNDEFINED_TABLE),
                          errmsg("there is no table \"%s.%s\", which %s names", pattern->schema,
                                 pattern->table, where),
                          errhint("Nothing is excluded by it until there is one. %s", kSpelling)));
    }
}

}  // namespace

void warn_of_unknown_columns(const Rules& rules, RulesOf whose, const List* names) {
    const char* const policy = "the slot's policy";
    warn_of_columns(rules.masks, names, whose == RulesOf::policy ? policy : "the option \"mask\"",
                    "Nothing is masked by it until there is one. ");
    warn_of_columns(rules.columns, names, policy, "");
}

void warn_of_unknown_names(const Rules& rules, RulesOf whose) {
    warn_of_exclusions(rules.exclude_tables,
                       whose == RulesOf::policy ? "the slot's policy" : "the option \"exclude_tables\"");
    warn_of_unknown_columns(rules, whose, NIL);
}

}  // namespace cdc
