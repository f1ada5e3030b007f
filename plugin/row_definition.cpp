#include "row_definition.h"

#include <type_traits>

namespace cdc {

static_assert(std::is_trivially_destructible_v<RowDefinition>, "longjmp runs no destructor");

namespace {

// Counts what the process has heard of relations' changes; any of them may have been a row type.
uint64 relation_changes = 1;

void count_change(Datum, Oid) {
    ++relation_changes;
}

void register_callback() {
    static bool registered = false;
    if (registered) return;
    CacheRegisterRelcacheCallback(count_change, 0);
    registered = true;
}

void compile(RowDefinition* definition, TupleDesc current) {
    definition->compiled_at = 0;
    if (definition->context != nullptr) MemoryContextDelete(definition->context);
    definition->context =
        AllocSetContextCreate(definition->owner, "cdc_envelope composite type", ALLOCSET_SMALL_SIZES);
    definition->depends_on_settings = false;
    MemoryContext caller = MemoryContextSwitchTo(definition->context);
    definition->descriptor = CreateTupleDescCopyConstr(current);
    const int count = definition->descriptor->natts;
    definition->attributes = static_cast<void**>(palloc0(sizeof(void*) * static_cast<Size>(count)));
    for (int i = 0; i < count; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(definition->descriptor, i);
        if (column->attisdropped) continue;
        const CompiledAttribute attribute = definition->make(definition->maker, *column, definition->context);
        definition->attributes[i] = attribute.what;
        definition->depends_on_settings |= attribute.depends_on_settings;
    }
    MemoryContextSwitchTo(caller);
}

}  // namespace

RowDefinition* row_definition_create(Oid type, MemoryContext owner, MakeAttribute make, const void* maker) {
    register_callback();
    auto* definition = static_cast<RowDefinition*>(MemoryContextAllocZero(owner, sizeof(RowDefinition)));
    definition->type = type;
    definition->relid = get_typ_typrelid(type);
    definition->owner = owner;
    definition->make = make;
    definition->maker = maker;
    return definition;
}

void row_definition_refresh(RowDefinition* definition) {
    if (definition->compiled_at == relation_changes) return;
    const uint64 now = relation_changes;  // what changes while we look is looked at the next time
    Relation relation = RelationIdGetRelation(definition->relid);
    if (relation == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("composite type with OID %u does not exist", definition->type)));
    }
    if (definition->compiled_at == 0 || !equalTupleDescs(definition->descriptor, RelationGetDescr(relation)))
        compile(definition, RelationGetDescr(relation));
    definition->compiled_at = now;
    RelationClose(relation);
}

DeformedRow row_deform(const RowDefinition& definition, HeapTupleHeader header) {
    HeapTupleData tuple;
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    ItemPointerSetInvalid(&tuple.t_self);
    tuple.t_tableOid = InvalidOid;
    tuple.t_data = header;
    const auto count = static_cast<Size>(definition.descriptor->natts);
    const DeformedRow row{static_cast<Datum*>(palloc(sizeof(Datum) * count)),
                          static_cast<bool*>(palloc(sizeof(bool) * count))};
    heap_deform_tuple(&tuple, definition.descriptor, row.values, row.nulls);
    return row;
}

}  // namespace cdc
