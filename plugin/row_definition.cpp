#include "row_definition.h"

#include <type_traits>

namespace cdc {

static_assert(std::is_trivially_destructible_v<RowDefinition>, "longjmp runs no destructor");

namespace {

void forget(RowDefinition* definition) {
    if (definition->context != nullptr) MemoryContextDelete(definition->context);
    definition->context = nullptr;
    definition->identifier = 0;
    definition->depends_on_settings = false;
}

}  // namespace

RowDefinition* row_definition_create(Oid type, MemoryContext owner, MakeAttribute make, const void* maker) {
    auto* definition = static_cast<RowDefinition*>(MemoryContextAllocZero(owner, sizeof(RowDefinition)));
    definition->type = type;
    definition->owner = owner;
    definition->make = make;
    definition->maker = maker;
    return definition;
}

void row_definition_refresh(RowDefinition* definition) {
    // Loads the descriptor where an invalidation has dropped it, and names the one now loaded.
    const uint64 identifier = assign_record_type_identifier(definition->type, -1);
    if (definition->identifier == identifier) return;
    forget(definition);
    definition->context =
        AllocSetContextCreate(definition->owner, "cdc_envelope composite type", ALLOCSET_SMALL_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(definition->context);
    TupleDesc current = lookup_rowtype_tupdesc(definition->type, -1);
    definition->descriptor = CreateTupleDescCopyConstr(current);
    ReleaseTupleDesc(current);
    const int count = definition->descriptor->natts;
    definition->attributes = static_cast<void**>(palloc0(sizeof(void*) * static_cast<Size>(count)));
    for (int i = 0; i < count; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(definition->descriptor, i);
        if (column->attisdropped) continue;
        const CompiledAttribute attribute = definition->make(definition->maker, *column, definition->context);
        definition->attributes[i] = attribute.what;
        definition->depends_on_settings |= attribute.depends_on_settings;
    }
    definition->identifier = identifier;
    MemoryContextSwitchTo(caller);
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
