#include "stored_text.h"

#include "present_file.h"

namespace cdc {
namespace {

// The TOAST table's columns by attnum (catalog/toasting.c).
enum ToastColumn : AttrNumber { toast_chunk_id = 1, toast_chunk_seq, toast_chunk_data };

bool has_present_indexes(Relation relation) {
    bool present = true;
    ListCell* cell;
    foreach (cell, RelationGetIndexList(relation)) {
        Relation index = RelationIdGetRelation(lfirst_oid(cell));
        present = present && index != nullptr && has_present_file(index);
        if (index != nullptr) RelationClose(index);
    }
    return present;
}

// Puts a chunk to its place in a value of `size` bytes; returns how many bytes it has of it.
Size place_chunk(TupleDesc descriptor, HeapTuple row, char* value, Size size) {
    bool null = false;
    const auto number =
        static_cast<Size>(DatumGetInt32(heap_getattr(row, toast_chunk_seq, descriptor, &null)));
    const char* const chunk = DatumGetPointer(heap_getattr(row, toast_chunk_data, descriptor, &null));
    const Size at = number * TOAST_MAX_CHUNK_SIZE;
    const Size length = VARSIZE_ANY_EXHDR(chunk);
    if (at > size || length > size - at) return 0;
    memcpy(value + at, VARDATA_ANY(chunk), length);
    return length;
}

// Reads all of the TOAST table for the chunks of one value, without its index. A value's number is never
// given again, so any row of it that was not rolled back is it (heapam_visibility.c,
// HeapTupleSatisfiesToast).
struct varlena* collect_chunks(Relation toast, const varatt_external& pointer) {
    const Size size = stored_size(pointer);
    auto* value = static_cast<struct varlena*>(palloc(size + VARHDRSZ));
    if (VARATT_EXTERNAL_IS_COMPRESSED(pointer))
        SET_VARSIZE_COMPRESSED(value, size + VARHDRSZ);
    else
        SET_VARSIZE(value, size + VARHDRSZ);
    ScanKeyData key;
    ScanKeyInit(&key, toast_chunk_id, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(pointer.va_valueid));
    SysScanDesc scan = systable_beginscan(toast, InvalidOid, false, SnapshotAny, 1, &key);
    Size found = 0;
    while (HeapTuple row = found < size ? systable_getnext(scan) : nullptr) {
        if (HeapTupleHeaderXminInvalid(row->t_data)) continue;
        found += place_chunk(RelationGetDescr(toast), row, VARDATA(value), size);
    }
    systable_endscan(scan);
    return found == size ? value : nullptr;
}

// Out of line, a value is read under an active snapshot alone (toast_internals.c, get_toast_snapshot), and
// decoding has none: the historic one becomes it, as in pgoutput.c (pgoutput_row_filter).
char* text_under_snapshot(Datum value) {
    const bool needs_snapshot = !ActiveSnapshotSet();
    if (needs_snapshot) PushActiveSnapshot(GetTransactionSnapshot());
    char* const copy = TextDatumGetCString(value);
    if (needs_snapshot) PopActiveSnapshot();
    return copy;
}

}  // namespace

char* stored_text(Datum value) {
    if (!VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value))) return TextDatumGetCString(value);
    if (!HistoricSnapshotActive()) return text_under_snapshot(value);
    varatt_external pointer;
    VARATT_EXTERNAL_GET_POINTER(pointer, DatumGetPointer(value));
    Relation toast = RelationIdGetRelation(pointer.va_toastrelid);
    if (toast == nullptr) return nullptr;
    char* copy = nullptr;
    if (has_present_file(toast) && has_present_indexes(toast)) {
        copy = text_under_snapshot(value);
    } else if (use_present_file(toast)) {
        struct varlena* const collected = collect_chunks(toast, pointer);
        if (collected != nullptr) copy = TextDatumGetCString(PointerGetDatum(collected));
    }
    RelationClose(toast);
    return copy;
}

}  // namespace cdc
