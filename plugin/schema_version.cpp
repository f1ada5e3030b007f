#include "schema_version.h"

namespace cdc {
namespace {

// Whoever may create schemas could make a table of this name, of any shape: only the extension's own counts.
bool belongs_to_extension(Oid relid) {
    const Oid extension = get_extension_oid("cdc_envelope", true);
    return OidIsValid(extension) && getExtensionOfObject(RelationRelationId, relid) == extension;
}

// The row with the highest version: the last one in the primary key's order.
int32 latest_version(Relation history, Relation key, const char* schema, const char* table,
                     const char* fingerprint) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], history_schema_name, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(schema));
    ScanKeyInit(&keys[1], history_table_name, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(table));
    keys[0].sk_collation = C_COLLATION_OID;
    keys[1].sk_collation = C_COLLATION_OID;
    SysScanDesc scan = systable_beginscan_ordered(history, key, nullptr, 2, keys);
    int32 version = 0;
    if (HeapTuple row = systable_getnext_ordered(scan, BackwardScanDirection)) {
        TupleDesc descriptor = RelationGetDescr(history);
        bool null = false;
        const Datum recorded = heap_getattr(row, history_fingerprint, descriptor, &null);
        if (!null && strcmp(TextDatumGetCString(recorded), fingerprint) == 0) {
            version = DatumGetInt32(heap_getattr(row, history_version, descriptor, &null));
        }
    }
    systable_endscan_ordered(scan);
    return version;
}

}  // namespace

Oid history_relation(Session* session) {
    if (!session->history_known) {
        const Oid schema = get_namespace_oid("cdc_envelope", true);
        session->history = OidIsValid(schema) ? get_relname_relid("schema_history", schema) : InvalidOid;
        if (OidIsValid(session->history) && !belongs_to_extension(session->history))
            session->history = InvalidOid;
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
    int32 version = 0;
    const Oid key_oid = RelationIsUsedAsCatalogTable(history) ? primary_key_index(history) : InvalidOid;
    Relation key = OidIsValid(key_oid) ? RelationIdGetRelation(key_oid) : nullptr;
    if (key != nullptr) {
        version = latest_version(history, key, schema, table, fingerprint);
        RelationClose(key);
    }
    RelationClose(history);
    return version;
}

}  // namespace cdc
