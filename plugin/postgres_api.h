// The one door to the server's headers: inside extern "C", and nowhere else. Also the one place that knows
// the server's version: what differs from one major to the next is a small function here, by its meaning.
#pragma once

extern "C" {
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tupmacs.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
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
#include "replication/slot.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "tcop/deparse_utility.h"
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
#if PG_VERSION_NUM >= 140000
#include "utils/multirangetypes.h"
#endif
#include "utils/numeric.h"
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

// utils/pg_locale.h declares it, and would need ICU's headers.
extern PGDLLIMPORT char* locale_monetary;
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

// Whether a part of ALTER TABLE, as event triggers are shown it, may change which columns there are, or their
// types. Up to 15 a part that goes on to the table's children has another name (tablecmds.c,
// ATPrepAddColumn).
inline bool alters_columns(AlterTableType part) {
    switch (part) {
        case AT_AddColumn:
        case AT_DropColumn:
        case AT_AlterColumnType:
        case AT_AddOf:
#if PG_VERSION_NUM < 160000
        case AT_AddColumnRecurse:
        case AT_DropColumnRecurse:
#endif
            return true;
        default:
            return false;
    }
}

// An on-disk TOAST pointer in a decoded tuple: the value was not changed, so it is not in the WAL, and
// fetching it would fail or read something newer.
inline bool is_unchanged_toast(int16 type_length, Datum value) {
    return type_length == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}
inline bool is_unchanged_toast(TupleDesc descriptor, int index, Datum value) {
    return is_unchanged_toast(TupleDescAttr(descriptor, index)->attlen, value);
}

// The bytes of a value that lie out of line; compressed, where it is.
inline Size stored_size(const varatt_external& pointer) {
#if PG_VERSION_NUM >= 140000
    return VARATT_EXTERNAL_GET_EXTSIZE(pointer);
#else
    return static_cast<Size>(pointer.va_extsize);
#endif
}

// Has an open relation read from another file of its database. tablespace: as pg_class has it.
inline void relation_set_file(Relation relation, Oid tablespace, Oid number) {
    RelationCloseSmgr(relation);
    relation->rd_rel->reltablespace = tablespace;
    relation->rd_rel->relfilenode = number;
    const Oid place = OidIsValid(tablespace) ? tablespace : MyDatabaseTableSpace;
#if PG_VERSION_NUM >= 160000
    relation->rd_locator.spcOid = place;
    relation->rd_locator.relNumber = number;
#else
    relation->rd_node.spcNode = place;
    relation->rd_node.relNode = number;
#endif
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

#if PG_VERSION_NUM < 140000
constexpr Oid MONEYOID = CASHOID;
#endif

// The range type of a multirange type (PostgreSQL 14); InvalidOid for any other type.
inline Oid range_of_multirange([[maybe_unused]] Oid type) {
#if PG_VERSION_NUM >= 140000
    return type_is_multirange(type) ? get_multirange_range(type) : InvalidOid;
#else
    return InvalidOid;
#endif
}

// The ranges of a multirange, in the current memory context.
inline void multirange_parts([[maybe_unused]] TypeCacheEntry* range_type, [[maybe_unused]] Datum value,
                             int32* count, RangeType*** ranges) {
#if PG_VERSION_NUM >= 140000
    multirange_deserialize(range_type, DatumGetMultirangeTypeP(value), count, ranges);
#else
    *count = 0;
    *ranges = nullptr;
#endif
}

// 1 for infinity, -1 for -infinity (PostgreSQL 17), 0 for any other interval.
inline int infinity_of([[maybe_unused]] const Interval& interval) {
#if PG_VERSION_NUM >= 170000
    if (INTERVAL_IS_NOBEGIN(&interval)) return -1;
    return INTERVAL_IS_NOEND(&interval) ? 1 : 0;
#else
    return 0;
#endif
}

// Bytes of the longest prefix of s that is valid in an encoding and holds no NUL (mbutils.c).
inline int valid_prefix(int encoding, const char* s, int length) {
#if PG_VERSION_NUM >= 140000
    return pg_encoding_verifymbstr(encoding, s, length);
#else
    int valid = 0;
    while (valid < length && s[valid] != '\0') {
        const int character = pg_encoding_verifymb(encoding, s + valid, length - valid);
        if (character < 0) break;
        valid += character;
    }
    return valid;
#endif
}

#if PG_VERSION_NUM < 140000
// Whether a conversion took these bytes, which are whole characters. There is no asking before 14: it raises
// an error, which is nothing but the answer here (docs/decisions/0131).
inline bool converts(Oid procedure, int encoding, unsigned char* source, int length, unsigned char* target) {
    MemoryContext context = CurrentMemoryContext;
    volatile bool converted = true;
    PG_TRY();
    {
        OidFunctionCall5(procedure, Int32GetDatum(encoding), Int32GetDatum(PG_UTF8),
                         CStringGetDatum(reinterpret_cast<char*>(source)),
                         CStringGetDatum(reinterpret_cast<char*>(target)), Int32GetDatum(length));
    }
    PG_CATCH();
    {
        const int code = geterrcode();
        if (code != ERRCODE_UNTRANSLATABLE_CHARACTER && code != ERRCODE_CHARACTER_NOT_IN_REPERTOIRE)
            PG_RE_THROW();
        MemoryContextSwitchTo(context);
        FlushErrorState();
        converted = false;
    }
    PG_END_TRY();
    return converted;
}
#endif

// Converts the longest prefix that a conversion procedure takes to UTF-8, as far as `size` bytes, with a zero
// byte at the end, hold it. Returns its length in the source, in bytes.
inline int convert_valid_prefix(Oid procedure, int encoding, unsigned char* source, int length,
                                unsigned char* target, int size) {
#if PG_VERSION_NUM >= 140000
    return pg_do_encoding_conversion_buf(procedure, encoding, PG_UTF8, source, length, target, size, true);
#else
    const char* const text = reinterpret_cast<const char*>(source);
    const int whole = valid_prefix(encoding, text, Min(length, (size - 1) / MAX_CONVERSION_GROWTH));
    if (converts(procedure, encoding, source, whole, target)) return whole;
    int done = 0;
    while (done < whole) {
        const int character = pg_encoding_mblen(encoding, text + done);
        if (!converts(procedure, encoding, source + done, character, target)) break;
        target += strlen(reinterpret_cast<char*>(target));
        done += character;
    }
    *target = '\0';
    return done;
#endif
}

#if PG_VERSION_NUM >= 150000
constexpr int kPublicationCaches[] = {PUBLICATIONOID, PUBLICATIONRELMAP, PUBLICATIONNAMESPACEMAP};
#else
constexpr int kPublicationCaches[] = {PUBLICATIONOID, PUBLICATIONRELMAP};
#endif

// The publications of a schema's tables (PostgreSQL 15), as OIDs.
inline List* schema_publications([[maybe_unused]] Oid schema) {
#if PG_VERSION_NUM >= 150000
    return GetSchemaPublications(schema);
#else
    return NIL;
#endif
}

// The row filter and the column list of a row of pg_publication_rel (PostgreSQL 15).
inline Datum publication_row_filter([[maybe_unused]] HeapTuple row, bool* null) {
#if PG_VERSION_NUM >= 150000
    return SysCacheGetAttr(PUBLICATIONRELMAP, row, Anum_pg_publication_rel_prqual, null);
#else
    *null = true;
    return 0;
#endif
}
inline Datum publication_column_list([[maybe_unused]] HeapTuple row, bool* null) {
#if PG_VERSION_NUM >= 150000
    return SysCacheGetAttr(PUBLICATIONRELMAP, row, Anum_pg_publication_rel_prattrs, null);
#else
    *null = true;
    return 0;
#endif
}

// The column numbers of a column list, in the current memory context.
inline Bitmapset* column_numbers([[maybe_unused]] Datum list) {
#if PG_VERSION_NUM >= 150000
    return pub_collist_to_bitmapset(nullptr, list, CurrentMemoryContext);
#else
    return nullptr;
#endif
}

// Whether we ask for the rows that ALTER TABLE writes anew, only to skip them. Up to 15 a client hears
// nothing of us while the server itself leaves them out (reorderbuffer.c, ReorderBufferProcessTXN): the
// rewrite of a large table ends the walsender over wal_sender_timeout, at the same place each time.
#if PG_VERSION_NUM >= 160000
constexpr bool kReceivesRewrites = false;
#else
constexpr bool kReceivesRewrites = true;
#endif

// In-progress transactions have no commit LSN yet and may still be rolled back; prepared ones are decoded at
// their commit (docs/envelope.md).
inline void decline_streaming([[maybe_unused]] LogicalDecodingContext* decoding) {
#if PG_VERSION_NUM >= 140000
    decoding->streaming = false;
    decoding->twophase = false;
#endif
}

}  // namespace cdc
