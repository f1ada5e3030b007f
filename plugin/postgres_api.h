// The one door to the server's headers: inside extern "C", and nowhere else. Also the one place that knows
// the server's version: what differs from one major to the next is a small function here, by its meaning.
#pragma once

extern "C" {
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tupmacs.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "common/shortest_dec.h"
#include "datatype/timestamp.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "pgtime.h"
#include "replication/logical.h"
#include "replication/origin.h"
#include "replication/output_plugin.h"
#include "replication/reorderbuffer.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/multirangetypes.h"
#include "utils/numeric.h"
#include "utils/pg_locale.h"
#include "utils/pg_lsn.h"
#include "utils/rangetypes.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"
#include "utils/xml.h"
}

namespace cdc {

// A column that is computed when it is read (PostgreSQL 18): it is not in the WAL.
inline bool is_virtual_column([[maybe_unused]] const FormData_pg_attribute& column) {
#if PG_VERSION_NUM >= 180000
    return column.attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
    return false;
#endif
}

// The primary key's index; a deferrable one is no identity (relcache.c, RelationGetIndexList).
inline Oid primary_key_index(Relation relation) {
#if PG_VERSION_NUM >= 180000
    return RelationGetPrimaryKeyIndex(relation, false);
#else
    return RelationGetPrimaryKeyIndex(relation);
#endif
}

// An on-disk TOAST pointer in a decoded tuple: the value was not changed, so it is not in the WAL, and
// fetching it would fail or read something newer.
inline bool is_unchanged_toast(int16 type_length, Datum value) {
    return type_length == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}
inline bool is_unchanged_toast(TupleDesc descriptor, int index, Datum value) {
    return is_unchanged_toast(TupleDescAttr(descriptor, index)->attlen, value);
}

inline HeapTuple tuple_of(
#if PG_VERSION_NUM >= 170000
    HeapTuple tuple) {
    return tuple;
#else
    ReorderBufferTupleBuf* tuple) {
    return tuple == nullptr ? nullptr : &tuple->tuple;
#endif
}
inline HeapTuple new_tuple(ReorderBufferChange* change) {
    return tuple_of(change->data.tp.newtuple);
}
inline HeapTuple old_tuple(ReorderBufferChange* change) {
    return tuple_of(change->data.tp.oldtuple);
}

inline TimestampTz commit_time_of(const ReorderBufferTXN* txn) {
#if PG_VERSION_NUM >= 150000
    return txn->xact_time.commit_time;
#else
    return txn->commit_time;
#endif
}

// Tells the client how far decoding is; skipped: the transaction sent nothing.
inline void update_progress(LogicalDecodingContext* decoding, [[maybe_unused]] bool skipped) {
#if PG_VERSION_NUM >= 150000
    OutputPluginUpdateProgress(decoding, skipped);
#else
    OutputPluginUpdateProgress(decoding);
#endif
}

// In-progress transactions have no commit LSN yet and may still be rolled back; prepared ones are decoded at
// their commit (docs/envelope.md).
inline void decline_streaming([[maybe_unused]] LogicalDecodingContext* decoding) {
#if PG_VERSION_NUM >= 140000
    decoding->streaming = false;
    decoding->twophase = false;
#endif
}

}  // namespace cdc
