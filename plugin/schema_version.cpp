#include "schema_version.h"

#include "extension_tables.h"

namespace cdc {
namespace {

bool is_part_of(const ReorderBufferTXN& transaction, TransactionId xid) {
    if (xid == transaction.xid) return true;
    // Not dlist_foreach: its macros are not for C++.
    const dlist_node* const end = &transaction.subtxns.head;
    for (const dlist_node* node = end->next; node != nullptr && node != end; node = node->next) {
        const char* const member = reinterpret_cast<const char*>(node) - offsetof(ReorderBufferTXN, node);
        if (reinterpret_cast<const ReorderBufferTXN*>(member)->xid == xid) return true;
    }
    return false;
}

// A copy of the first row under a name, in the primary key's order, that the caller takes; null where there
// is none. snapshot: null for the one that catalogues are read with.
template <typename Take>
HeapTuple find_by_name(Relation history, const char* schema, const char* table, Snapshot snapshot,
                       ScanDirection direction, const Take& take) {
    const Oid key_oid = primary_key_index(history);
    Relation key = OidIsValid(key_oid) ? RelationIdGetRelation(key_oid) : nullptr;
    if (key == nullptr) return nullptr;
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], history_schema_name, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(schema));
    ScanKeyInit(&keys[1], history_table_name, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(table));
    keys[0].sk_collation = C_COLLATION_OID;
    keys[1].sk_collation = C_COLLATION_OID;
    SysScanDesc scan = systable_beginscan_ordered(history, key, snapshot, 2, keys);
    HeapTuple row = systable_getnext_ordered(scan, direction);
    while (row != nullptr && !take(row))
        row = systable_getnext_ordered(scan, direction);
    if (row != nullptr) row = heap_copytuple(row);
    systable_endscan_ordered(scan);
    RelationClose(key);
    return row;
}

}  // namespace

char* history_text(TupleDesc descriptor, HeapTuple row, HistoryColumn column) {
    bool null = false;
    const Datum value = heap_getattr(row, column, descriptor, &null);
    if (null) return nullptr;
    // What is out of line is read under an active snapshot alone (toast_internals.c, get_toast_snapshot), and
    // decoding has none: the historic one becomes it, as in pgoutput.c (pgoutput_row_filter).
    const bool needs_snapshot = VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)) && !ActiveSnapshotSet();
    if (needs_snapshot) PushActiveSnapshot(GetTransactionSnapshot());
    char* const copy = TextDatumGetCString(value);
    if (needs_snapshot) PopActiveSnapshot();
    return copy;
}

Oid find_history() {
    return extension_table("schema_history");
}

int32 history_version_of(TupleDesc descriptor, HeapTuple row) {
    bool null = false;
    return DatumGetInt32(heap_getattr(row, history_version, descriptor, &null));
}

Oid history_relation_of(TupleDesc descriptor, HeapTuple row) {
    bool null = false;
    return DatumGetObjectId(heap_getattr(row, history_relid, descriptor, &null));
}

SchemaChange history_change(TupleDesc descriptor, HeapTuple row) {
    return {history_text(descriptor, row, history_schema_name),
            history_text(descriptor, row, history_table_name),
            history_version_of(descriptor, row),
            history_text(descriptor, row, history_fingerprint),
            history_text(descriptor, row, history_previous),
            history_text(descriptor, row, history_definition),
            history_text(descriptor, row, history_tag),
            history_text(descriptor, row, history_statement),
            history_relation_of(descriptor, row)};
}

HeapTuple history_latest(Relation history, const char* schema, const char* table) {
    return find_by_name(history, schema, table, nullptr, BackwardScanDirection,
                        [](HeapTuple) { return true; });
}

HeapTuple history_recorded_by(Relation history, const ReorderBufferTXN& transaction, const char* schema,
                              const char* table, int32 after) {
    return find_by_name(history, schema, table, SnapshotAny, ForwardScanDirection, [&](HeapTuple row) {
        return !HeapTupleHeaderXminInvalid(row->t_data) &&
               is_part_of(transaction, HeapTupleHeaderGetRawXmin(row->t_data)) &&
               history_version_of(RelationGetDescr(history), row) > after;
    });
}

bool is_recordable(Relation relation, Oid history) {
    const char kind = relation->rd_rel->relkind;
    return (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) &&
           relation->rd_rel->relpersistence != RELPERSISTENCE_TEMP &&
           RelationGetRelid(relation) >= FirstNormalObjectId &&
           RelationGetNamespace(relation) != get_rel_namespace(history);
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
        if (recorded != nullptr && strcmp(recorded, fingerprint) == 0)
            version = history_version_of(descriptor, latest);
    }
    RelationClose(history);
    return version;
}

}  // namespace cdc
