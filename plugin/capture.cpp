#include "capture.h"

#include "definition.h"
#include "unknown_names.h"

namespace cdc {
namespace {

const Rules* policy_rules(const Options& options) {
    return options.policy != nullptr ? &options.policy->rules : nullptr;
}

// A row of the history under a name the table had: the options mean it by what it is called now too, so that
// a consumer sees a table come and go. What a policy hides stays hidden under its old name.
bool captures_present(const Options& options, Relation relation, TableName* recorded) {
    List* const names = table_names(relation);
    if (!rules_capture(options.rules, list_concat(list_make1(recorded), names))) return false;
    if (const Rules* const policy = policy_rules(options)) {
        if (!rules_capture(*policy, names)) return false;
        List* const then = list_copy(names);
        linitial(then) = recorded;
        if (!rules_capture(*policy, then)) return false;
    }
    const Published published = published_as(options, relation);
    return published.any && !OidIsValid(published.root);
}

bool captures_gone(const Options& options, TableName* recorded, const List* ancestors,
                   ArrayType* publications) {
    List* const names = list_concat_copy(list_make1(recorded), ancestors);
    if (!captures_table(options, names)) return false;
    if (ancestors != NIL && options.partition_root) return false;  // its rows went by another name
    const Rules* const policy = policy_rules(options);
    return published_before(options.rules, names, publications) &&
           (policy == nullptr || published_before(*policy, names, publications));
}

// The table that a row of the history is of; null where it is gone. One that came with a dump, and is not
// bound to a table yet, says so by its name alone.
Relation recorded_relation(Oid relid, const TableName& recorded) {
    if (!OidIsValid(relid)) {
        const Oid schema = get_namespace_oid(recorded.schema, true);
        if (OidIsValid(schema)) relid = get_relname_relid(recorded.table, schema);
    }
    return OidIsValid(relid) ? RelationIdGetRelation(relid) : nullptr;
}

void check_each(const Rules& rules, const char* hint) {
    ListCell* cell;
    foreach (cell, rules.publication_names) {
        const char* const name = static_cast<const char*>(lfirst(cell));
        if (OidIsValid(get_publication_oid(name, true))) continue;
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("publication \"%s\" does not exist", name),
                        errhint("%s", hint)));
    }
}

TableName recorded_name(TupleDesc history, HeapTuple row) {
    return {history_text(history, row, history_schema_name), history_text(history, row, history_table_name)};
}

// The columns that the policy shows of a table whose definition was recorded.
struct ShownColumns {
    bool all;
    List* names;  // of char*
};

ShownColumns narrowed(const ShownColumns& shown, List* columns) {
    if (shown.all) return {false, columns};
    List* both = NIL;
    ListCell* cell;
    foreach (cell, shown.names) {
        auto* const name = static_cast<char*>(lfirst(cell));
        ListCell* other;
        foreach (other, columns) {
            if (strcmp(static_cast<const char*>(lfirst(other)), name) == 0) both = lappend(both, name);
        }
    }
    return {false, both};
}

// What the publications of the policy show of a table that is there.
ShownColumns published_columns(const Rules& policy, Relation relation) {
    const Published published = published_by(policy, false, relation);
    if (published.all_columns) return {true, NIL};
    List* columns = NIL;
    for (int number = -1; (number = bms_next_member(published.columns, number)) >= 0;) {
        char* const name = get_attname(RelationGetRelid(relation), static_cast<AttrNumber>(number), true);
        if (name != nullptr) columns = lappend(columns, name);
    }
    return {false, columns};
}

// Of a table that is there.
ShownColumns shown_columns(const Rules& policy, TableName* recorded, Relation relation) {
    List* const names = list_concat(list_make1(recorded), table_names(relation));
    const ShownColumns shown =
        policy.only_published ? published_columns(policy, relation) : ShownColumns{true, NIL};
    List* const columns = rules_columns_of(policy, names);
    return columns == NIL ? shown : narrowed(shown, columns);
}

// Of one that is gone. No publication can be asked for its columns, and where it is not known what it was a
// partition of, any rule about columns may have been about it: then none is shown.
ShownColumns shown_columns_of_gone(const Rules& policy, TableName* recorded, const Lineage& lineage) {
    if (policy.only_published || (!lineage.known && policy.columns != NIL)) return {false, NIL};
    List* const columns = rules_columns_of(policy, list_concat_copy(list_make1(recorded), lineage.names));
    return columns == NIL ? ShownColumns{true, NIL} : ShownColumns{false, columns};
}

}  // namespace

List* table_names(Relation relation) {
    List* names = NIL;
    ListCell* cell;
    foreach (cell, with_partition_ancestors(relation)) {
        auto* name = static_cast<TableName*>(palloc(sizeof(TableName)));
        *name = {get_namespace_name(get_rel_namespace(lfirst_oid(cell))), get_rel_name(lfirst_oid(cell))};
        names = lappend(names, name);
    }
    return names;
}

bool captures_table(const Options& options, const List* names) {
    const Rules* const policy = policy_rules(options);
    return rules_capture(options.rules, names) && (policy == nullptr || rules_capture(*policy, names));
}

bool captures_column(const Options& options, const List* names, const char* column) {
    const Rules* const policy = policy_rules(options);
    return policy == nullptr || rules_show(*policy, names, column);
}

MaskKind mask_of(const Options& options, const List* names, const char* column) {
    const MaskKind own = rules_mask_of(options.rules, names, column);
    const Rules* const policy = policy_rules(options);
    if (policy == nullptr || own == MaskKind::redact) return own;
    const MaskKind given = rules_mask_of(*policy, names, column);
    return given != MaskKind::none ? given : own;
}

Messages messages_captured(const Options& options) {
    if (options.policy == nullptr) return options.messages;
    return Min(options.messages, options.policy->messages);
}

bool captures_statements(const Options& options) {
    return options.policy == nullptr || options.policy->statements;
}

Published published_as(const Options& options, Relation relation) {
    Published published = published_by(options.rules, options.partition_root, relation);
    const Rules* const policy = policy_rules(options);
    if (policy == nullptr || !policy->only_published) return published;
    return published_by_both(published, published_by(*policy, options.partition_root, relation));
}

void publications_check(const Options& options) {
    check_each(options.rules,
               "Create it with CREATE PUBLICATION, or correct the option \"publication_names\".");
    if (const Rules* const policy = policy_rules(options))
        check_each(*policy, "Create it with CREATE PUBLICATION, or correct the slot's policy.");
}

void dropped_publications_check(const Options& options, MemoryContext lasting, List** there) {
    warn_of_dropped_publications(options.rules, lasting, there);
    if (const Rules* const policy = policy_rules(options))
        warn_of_dropped_publications(*policy, lasting, there);
}

const char* captured_definition(const Options& options, const SchemaChange& change, const char* definition) {
    const Rules* const policy = policy_rules(options);
    if (policy == nullptr || definition == nullptr) return definition;
    TableName recorded = {change.schema, change.table};
    Relation relation = recorded_relation(change.relation, recorded);
    const ShownColumns shown = relation != nullptr
                                   ? shown_columns(*policy, &recorded, relation)
                                   : shown_columns_of_gone(*policy, &recorded, change.ancestors);
    if (relation != nullptr) RelationClose(relation);
    return shown.all ? definition : definition_of_columns(definition, shown.names);
}

void names_check(const Options& options) {
    warn_of_unknown_names(options.rules, RulesOf::client);
    if (const Rules* const policy = policy_rules(options)) warn_of_unknown_names(*policy, RulesOf::policy);
}

void columns_check(const Options& options, const List* names) {
    warn_of_unknown_columns(options.rules, RulesOf::client, names);
    if (const Rules* const policy = policy_rules(options))
        warn_of_unknown_columns(*policy, RulesOf::policy, names);
}

bool captures_definition(const Options& options, TupleDesc history, HeapTuple row) {
    TableName recorded = recorded_name(history, row);
    Relation relation = recorded_relation(history_relation_of(history, row), recorded);
    if (relation == nullptr) {
        bool null = false;
        const Datum publications = heap_getattr(row, history_publications, history, &null);
        return captures_gone(options, &recorded, history_lineage(history, row).names,
                             null ? nullptr : DatumGetArrayTypeP(publications));
    }
    const bool captured = captures_present(options, relation, &recorded);
    RelationClose(relation);
    return captured;
}

}  // namespace cdc
