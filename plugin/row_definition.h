// The attributes of a composite type, compiled into whatever a caller needs per attribute, and kept in step
// with it.
//
// The type can change (ALTER TYPE … ADD, DROP, RENAME ATTRIBUTE) without a word to the tables that use it. So
// what is compiled is compared with the catalogue after every invalidation of a relation, and compiled again
// where it differs. The type is looked at without a lock, as decoding looks at its tables, and so not through
// the type cache: an ALTER TYPE keeps the type locked until a synchronous standby has its commit, and that
// standby may be our client.
//
// Ownership: all of it in children of `owner`. Thread: the backend or walsender that decodes. Failure:
// catalogue lookups may raise; the next call then starts afresh.
#pragma once

#include "postgres_api.h"

namespace cdc {

// What a caller compiles of an attribute.
struct CompiledAttribute {
    void* what;
    bool depends_on_settings;  // its text does, so they have to be pinned (settings.h)
};
using MakeAttribute = CompiledAttribute (*)(const void* maker, const FormData_pg_attribute& column,
                                            MemoryContext owner);

struct RowDefinition {
    Oid type;
    Oid relid;  // of the type's attributes
    MemoryContext owner;
    MakeAttribute make;
    const void* maker;
    // As of the last use:
    MemoryContext context;  // of all below; null before the first use
    uint64 compiled_at;     // the count of relations' changes then; 0 while it is being compiled
    TupleDesc descriptor;
    bool depends_on_settings;  // some attribute does
    void** attributes;  // what make returned, by attribute number less one; null for a dropped attribute
};

// A row taken apart; in CurrentMemoryContext.
struct DeformedRow {
    Datum* values;
    bool* nulls;
};

RowDefinition* row_definition_create(Oid type, MemoryContext owner, MakeAttribute make, const void* maker);

// Brings the definition up to what the catalogue has now; under decoding that is the historic snapshot.
void row_definition_refresh(RowDefinition* definition);

// Takes a composite value apart by the refreshed definition; attributes added since it was written are null.
DeformedRow row_deform(const RowDefinition& definition, HeapTupleHeader header);

}  // namespace cdc
