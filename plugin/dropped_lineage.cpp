// cdc_envelope.dropped_ancestors(): of a partition that this transaction has dropped, the tables it was a
// partition of. No catalogue lists them any more at sql_drop; but what a transaction has deleted lies there
// until its end, and long after, and carries its mark.
//
// Thread: the backend of the DDL. Failure: whatever catalogue access raises; it rolls the DDL back. Memory:
// the caller's short-lived context.

#include "postgres_api.h"

extern "C" {
PG_FUNCTION_INFO_V1(cdc_envelope_dropped_ancestors);
PGDLLEXPORT Datum cdc_envelope_dropped_ancestors(PG_FUNCTION_ARGS);
}

namespace cdc {
namespace {

bool is_deleted_here(HeapTupleHeader header) {
    if (HeapTupleHeaderXminInvalid(header) || (header->t_infomask & HEAP_XMAX_INVALID) != 0) return false;
    return !HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask) &&
           TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(header));
}

// A copy of the row that this transaction deleted last of those with a value in an indexed column of OIDs: as
// it was when it went. Null where it deleted none.
HeapTuple deleted_row(Oid catalogue, Oid index, AttrNumber column, Oid value) {
    ScanKeyData key;
    ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
    Relation relation = table_open(catalogue, AccessShareLock);
    SysScanDesc scan = systable_beginscan(relation, index, true, SnapshotAny, 1, &key);
    HeapTuple found = nullptr;
    CommandId last = 0;
    while (HeapTuple row = systable_getnext(scan)) {
        if (!is_deleted_here(row->t_data)) continue;
        const CommandId deleted = HeapTupleHeaderGetCmax(row->t_data);
        if (found != nullptr && deleted < last) continue;
        found = heap_copytuple(row);
        last = deleted;
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return found;
}

// What of pg_class is asked, whether the relation is still there or this transaction dropped it.
struct Table {
    bool exists;
    bool is_partition;
    Oid schema;
    NameData name;
};

Table table_of(Oid relid) {
    HeapTuple row = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));
    const bool exists = HeapTupleIsValid(row);
    if (!exists) row = deleted_row(RelationRelationId, ClassOidIndexId, Anum_pg_class_oid, relid);
    if (row == nullptr) return {};
    const auto& relation = *reinterpret_cast<Form_pg_class>(GETSTRUCT(row));
    return {exists, relation.relispartition, relation.relnamespace, relation.relname};
}

const char* schema_name(Oid schema) {
    if (const char* const name = get_namespace_name(schema)) return name;
    HeapTuple row = deleted_row(NamespaceRelationId, NamespaceOidIndexId, Anum_pg_namespace_oid, schema);
    return row != nullptr ? pstrdup(NameStr(reinterpret_cast<Form_pg_namespace>(GETSTRUCT(row))->nspname))
                          : "";
}

Oid parent_of(Oid relid, const Table& table) {
    if (!table.is_partition) return InvalidOid;
    if (table.exists) return linitial_oid(get_partition_ancestors(relid));
    HeapTuple row =
        deleted_row(InheritsRelationId, InheritsRelidSeqnoIndexId, Anum_pg_inherits_inhrelid, relid);
    return row != nullptr ? reinterpret_cast<Form_pg_inherits>(GETSTRUCT(row))->inhparent : InvalidOid;
}

Datum text_of(const char* name) {
    return PointerGetDatum(cstring_to_text(name));
}

}  // namespace
}  // namespace cdc

// (relation oid): text[], schema and name of each in turn, nearest first; empty where it was no partition.
Datum cdc_envelope_dropped_ancestors(PG_FUNCTION_ARGS) {
    using namespace cdc;
    ArrayBuildState* names = initArrayResult(TEXTOID, CurrentMemoryContext, false);
    Oid relid = PG_GETARG_OID(0);
    Table table = table_of(relid);
    for (Oid parent; OidIsValid(parent = parent_of(relid, table)); relid = parent) {
        table = table_of(parent);
        names =
            accumArrayResult(names, text_of(schema_name(table.schema)), false, TEXTOID, CurrentMemoryContext);
        names = accumArrayResult(names, text_of(NameStr(table.name)), false, TEXTOID, CurrentMemoryContext);
    }
    PG_RETURN_DATUM(makeArrayResult(names, CurrentMemoryContext));
}
