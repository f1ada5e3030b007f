#include "slot_policy.h"

#include <type_traits>

#include "extension_tables.h"
#include "unknown_names.h"

extern "C" {
PG_FUNCTION_INFO_V1(cdc_envelope_check_slot_policy);
PGDLLEXPORT Datum cdc_envelope_check_slot_policy(PG_FUNCTION_ARGS);
}

namespace cdc {

static_assert(std::is_trivially_destructible_v<SlotPolicy>, "longjmp runs no destructor");

namespace {

// The table's columns by attnum (control/cdc_envelope--1.0.sql).
enum PolicyColumn : AttrNumber {
    policy_slot_name = 1,
    policy_include_tables,
    policy_exclude_tables,
    policy_columns,
    policy_masks,
    policy_publication_names,
    policy_messages,
    policy_statements,
};

constexpr const char* kColumnNames[] = {"slot_name", "include_tables",    "exclude_tables", "columns",
                                        "masks",     "publication_names", "messages",       "statements"};

// A row of the policy, and what it is a row of.
struct PolicyRow {
    TupleDesc descriptor;
    HeapTuple tuple;
    const char* slot_name;
};

[[noreturn]] void refuse(const PolicyRow& row, PolicyColumn column, const char* value, const char* accepted) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("invalid value in column \"%s\" of the slot policy for \"%s\": %s",
                           kColumnNames[column - 1], row.slot_name, value),
                    errhint("Give %s.", accepted)));
    pg_unreachable();
}

Datum value_of(const PolicyRow& row, PolicyColumn column, bool* null) {
    return heap_getattr(row.tuple, column, row.descriptor, null);
}

using AddRule = bool (*)(Rules* rules, const char* text);

// Adds a rule for each element of a text[].
void add_rules(const PolicyRow& row, PolicyColumn column, Rules* rules, AddRule add_rule,
               const char* accepted) {
    bool null = false;
    const Datum array = value_of(row, column, &null);
    if (null) refuse(row, column, "null", accepted);
    Datum* texts = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
    for (int i = 0; i < count; ++i) {
        if (nulls[i]) refuse(row, column, "null", accepted);
        const char* const rule = TextDatumGetCString(texts[i]);
        if (!add_rule(rules, rule)) refuse(row, column, rule, accepted);
    }
}

// Elements of publication_names are names as they stand in the catalogue, not lists.
bool add_publication(Rules* rules, const char* name) {
    rules->publication_names = lappend(rules->publication_names, pstrdup(name));
    return *name != '\0';
}

SlotPolicy* parse(const PolicyRow& row) {
    auto* policy = static_cast<SlotPolicy*>(palloc0(sizeof(SlotPolicy)));
    Rules* const rules = &policy->rules;
    policy->row = pstrdup(row.slot_name);
    rules->only_included = true;
    add_rules(row, policy_include_tables, rules, rules_include, "schema.table, * allowed");
    add_rules(row, policy_exclude_tables, rules, rules_exclude, "schema.table, * allowed");
    add_rules(row, policy_columns, rules, rules_show_columns, "schema.table.column");
    add_rules(row, policy_masks, rules, rules_mask, "schema.table.column:redact or schema.table.column:hash");
    bool null = false;
    (void)value_of(row, policy_publication_names, &null);
    rules->only_published = !null;
    if (!null) add_rules(row, policy_publication_names, rules, add_publication, "names of publications");
    const Datum messages = value_of(row, policy_messages, &null);
    const char* const word = null ? "null" : TextDatumGetCString(messages);
    if (!messages_parse(word, &policy->messages))
        refuse(row, policy_messages, word, "off, transactional or all");
    const Datum statements = value_of(row, policy_statements, &null);
    policy->statements = !null && DatumGetBool(statements);
    return policy;
}

// The row of that name; its slot_name is null where there is none.
PolicyRow find_row(Relation relation, const char* slot) {
    PolicyRow found = {RelationGetDescr(relation), nullptr, nullptr};
    SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);
    while (HeapTuple tuple = systable_getnext(scan)) {
        bool null = false;
        const Datum value = heap_getattr(tuple, policy_slot_name, found.descriptor, &null);
        const char* const name = null ? "" : TextDatumGetCString(value);
        const bool own = strcmp(name, slot) == 0;
        if (!own && (found.tuple != nullptr || strcmp(name, "*") != 0)) continue;
        found.tuple = heap_copytuple(tuple);
        found.slot_name = pstrdup(name);
        if (own) break;
    }
    systable_endscan(scan);
    return found;
}

uint64 generation = 0;
Oid watched = InvalidOid;

void note_change(Datum, Oid relid) {
    if (!OidIsValid(relid) || relid == watched) ++generation;
}

void register_callback() {
    static bool registered = false;
    if (registered) return;
    CacheRegisterRelcacheCallback(note_change, 0);
    registered = true;
}

}  // namespace

uint64 slot_policy_generation() {
    return generation;
}

SlotPolicy* slot_policy_read(const char* slot) {
    register_callback();
    watched = extension_table("slot_policy");
    Relation relation = OidIsValid(watched) ? RelationIdGetRelation(watched) : nullptr;
    if (relation == nullptr) return nullptr;
    const PolicyRow row = find_row(relation, slot);
    SlotPolicy* const policy = row.tuple != nullptr ? parse(row) : nullptr;
    RelationClose(relation);
    return policy;
}

}  // namespace cdc

// The policy's own trigger: refuses a row that could not be read later, and tells every process of the
// change. All of them look, also those that do not know the table yet.
Datum cdc_envelope_check_slot_policy(PG_FUNCTION_ARGS) {
    using namespace cdc;
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("cdc_envelope.check_slot_policy() was not called by trigger manager")));
    }
    const auto* trigger = reinterpret_cast<const TriggerData*>(fcinfo->context);
    CacheInvalidateRelcacheAll();
    if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) PG_RETURN_POINTER(nullptr);
    HeapTuple tuple =
        TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
    PolicyRow row = {RelationGetDescr(trigger->tg_relation), tuple, ""};
    bool null = false;
    const Datum name = value_of(row, policy_slot_name, &null);
    if (!null) row.slot_name = TextDatumGetCString(name);
    warn_of_unknown_names(parse(row)->rules, RulesOf::policy);
    PG_RETURN_POINTER(nullptr);
}
