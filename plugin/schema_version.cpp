#include "schema_version.h"

#include "extension_tables.h"

namespace cdc {
char* history_text(TupleDesc descriptor, HeapTuple row, HistoryColumn column) {
    bool null = false;
    const Datum value = heap_getattr(row, column, descriptor, &null);
    return null ? nullptr : TextDatumGetCString(value);
}

Oid find_history() {
    return extension_table("schema_history");
}

HeapTuple history_latest(Relation history, const char* schema, const char* table) {
    const Oid key_oid = primary_key_index(history);
    Relation key = OidIsValid(key_oid) ? RelationIdGetRelation(key_oid) : nullptr;
    if (key == nullptr) return nullptr;
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], history_schema_name, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(schema));
    ScanKeyInit(&keys[1], history_table_name, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(table));
    keys[0].sk_collation = C_COLLATION_OID;
    keys[1].sk_collation = C_COLLATION_OID;
    SysScanDesc scan = systable_beginscan_ordered(history, key, nullptr, 2, keys);
    HeapTuple row = systable_getnext_ordered(scan, BackwardScanDirection);
    if (row != nullptr) row = heap_copytuple(row);
    systable_endscan_ordered(scan);
    RelationClose(key);
    return row;
}

Oid history_relation(Session* session) {
    if (!session->history_known) {
        session->history = find_history();
        session->history_known = true;
    }
    return session->history;
}

int32 schema_version(Session* session, const char* schema, const char* table, const char* fingerprint) {
    const Oid history_oid = history_relation(session);
    if (!OidIsValid(history_oid)) return 0;
    // In decoding without a lock, as decoding reads every table; a query has to keep DROP EXTENSION away.
    if (session->decoding == nullptr) LockRelationOid(history_oid, AccessShareLock);
    Relation history = RelationIdGetRelation(history_oid);
    if (history == nullptr) return 0;
    TupleDesc descriptor = RelationGetDescr(history);
    HeapTuple latest =
        RelationIsUsedAsCatalogTable(history) ? history_latest(history, schema, table) : nullptr;
    int32 version = 0;
    if (latest != nullptr) {
        const char* const recorded = history_text(descriptor, latest, history_fingerprint);
        bool null = false;
        if (recorded != nullptr && strcmp(recorded, fingerprint) == 0)
            version = DatumGetInt32(heap_getattr(latest, history_version, descriptor, &null));
    }
    RelationClose(history);
    return version;
}

}  // namespace cdc
