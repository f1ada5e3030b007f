#include "schema_version.h"

#include "extension_tables.h"
#include "present_file.h"
#include "stored_text.h"

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

// The rows under a name, and which of them is looked for: of those that the caller takes, the one with the
// highest version or that with the lowest.
struct Search {
    ScanKeyData keys[2];
    Snapshot snapshot;        // null: the one that catalogues are read with
    ScanDirection direction;  // backward: the highest version
};

// By the primary key, in its order.
template <typename Take>
HeapTuple search_in_order(Relation history, Relation key, Search* search, const Take& take) {
    SysScanDesc scan = systable_beginscan_ordered(history, key, search->snapshot, 2, search->keys);
    HeapTuple row = systable_getnext_ordered(scan, search->direction);
    while (row != nullptr && !take(row))
        row = systable_getnext_ordered(scan, search->direction);
    if (row != nullptr) row = heap_copytuple(row);
    systable_endscan_ordered(scan);
    return row;
}

// All through the table.
template <typename Take>
HeapTuple search_everywhere(Relation history, Search* search, const Take& take) {
    SysScanDesc scan = systable_beginscan(history, InvalidOid, false, search->snapshot, 2, search->keys);
    HeapTuple found = nullptr;
    int32 best = 0;
    while (HeapTuple row = systable_getnext(scan)) {
        const int32 version = history_version_of(RelationGetDescr(history), row);
        const bool better = ScanDirectionIsBackward(search->direction) ? version > best : version < best;
        if ((found != nullptr && !better) || !take(row)) continue;
        found = heap_copytuple(row);
        best = version;
    }
    systable_endscan(scan);
    return found;
}

// A copy of the row; null where there is none. Without the primary key where decoding is at a time when that
// was in another file than now, or there was another one (present_file.h).
template <typename Take>
HeapTuple find_by_name(Relation history, const char* schema, const char* table, Snapshot snapshot,
                       ScanDirection direction, const Take& take) {
    Search search = {{}, snapshot, direction};
    ScanKeyInit(&search.keys[0], history_schema_name, BTEqualStrategyNumber, F_TEXTEQ,
                CStringGetTextDatum(schema));
    ScanKeyInit(&search.keys[1], history_table_name, BTEqualStrategyNumber, F_TEXTEQ,
                CStringGetTextDatum(table));
    search.keys[0].sk_collation = C_COLLATION_OID;
    search.keys[1].sk_collation = C_COLLATION_OID;
    const Oid key_oid = primary_key_index(history);
    Relation key = OidIsValid(key_oid) ? RelationIdGetRelation(key_oid) : nullptr;
    HeapTuple row = key != nullptr && has_present_file(key) ? search_in_order(history, key, &search, take)
                                                            : search_everywhere(history, &search, take);
    if (key != nullptr) RelationClose(key);
    return row;
}

}  // namespace

char* history_text(TupleDesc descriptor, HeapTuple row, HistoryColumn column) {
    bool null = false;
    const Datum value = heap_getattr(row, column, descriptor, &null);
    return null ? nullptr : stored_text(value);
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

Lineage history_lineage(TupleDesc descriptor, HeapTuple row) {
    bool null = false;
    const Datum array = heap_getattr(row, history_ancestors, descriptor, &null);
    if (null) return {false, NIL};
    Datum* parts = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &parts, nullptr, &count);
    List* names = NIL;
    for (int i = 0; i + 1 < count; i += 2) {
        auto* name = static_cast<TableName*>(palloc(sizeof(TableName)));
        *name = {TextDatumGetCString(parts[i]), TextDatumGetCString(parts[i + 1])};
        names = lappend(names, name);
    }
    return {true, names};
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
            history_relation_of(descriptor, row),
            history_lineage(descriptor, row)};
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
