#include "row_json.h"

#include "digest.h"
#include "json_writer.h"

namespace cdc {
namespace {

// A value of this image, from the old image where the WAL has only a pointer to unchanged TOAST. False: not
// at hand.
bool fetch(const RowImage& image, const Column& column, Datum* value, bool* null) {
    *value = image.values[column.index];
    *null = image.nulls[column.index];
    if (*null || !is_unchanged_toast(image.entry->descriptor, column.index, *value)) return true;
    const RowImage* const old = image.old;
    if (old == nullptr || (old->identity_only && !column.in_identity) || old->nulls[column.index])
        return false;
    *value = old->values[column.index];
    return !is_unchanged_toast(image.entry->descriptor, column.index, *value);
}

// A masked value: nothing of it leaves the server. The hash is salted with the cluster's identity and the
// column; a value too long to encode has none.
ValueOutcome append_masked(const Session& session, StringInfo out, const Column& column, Datum value) {
    if (column.mask == MaskKind::redact) {
        append_raw(out, "null");
        return ValueOutcome::written;
    }
    StringInfoData text;
    initStringInfo(&text);
    append_raw(&text, session.mask_salt);
    append_raw(&text, column.label);
    if (value_encode(column.encoder, value, &text) == ValueOutcome::oversize) return ValueOutcome::oversize;
    char hex[kSha256HexLength + 1];
    sha256_hex(text.data, text.len, hex);
    append_raw(out, "\"sha256:");
    append_raw(out, hex);
    append_raw(out, "\"");
    return ValueOutcome::written;
}

// One member of the image; the separator and label are taken back where there is nothing to show.
void append_member(const Session& session, StringInfo out, const RowImage& image, const Column& column,
                   bool first, RowMarks* marks) {
    Datum value;
    bool null;
    if (!fetch(image, column, &value, &null)) {
        marks->unchanged = lappend(marks->unchanged, const_cast<Column*>(&column));
        return;
    }
    const int start = out->len;
    if (!first) append_raw(out, ",");
    append_raw(out, column.label, column.label_length);
    if (null) {
        append_raw(out, "null");
        return;
    }
    const ValueOutcome outcome = column.mask != MaskKind::none ? append_masked(session, out, column, value)
                                                               : value_encode(column.encoder, value, out);
    switch (outcome) {
        case ValueOutcome::written:
            break;
        case ValueOutcome::json_null:
            marks->json_null = lappend(marks->json_null, psprintf("%s.%s", image.name, column.name));
            break;
        case ValueOutcome::oversize:
            truncate_text(out, start);
            marks->oversize = list_append_unique_ptr(marks->oversize, const_cast<Column*>(&column));
            break;
    }
}

}  // namespace

RowImage row_image(RelationEntry* entry, HeapTuple tuple, int side, const RowImage* old) {
    heap_deform_tuple(tuple, entry->descriptor, entry->values[side], entry->nulls[side]);
    return {entry,
            entry->values[side],
            entry->nulls[side],
            side == kOld && !entry->old_image_is_whole,
            side == kOld ? "before" : "after",
            old};
}

void append_image(const Session& session, StringInfo out, const RowImage& image, RowMarks* marks) {
    append_raw(out, "{");
    const int start = out->len;
    for (int i = 0; i < image.entry->column_count; ++i) {
        const Column& column = image.entry->columns[i];
        if (image.identity_only && !column.in_identity) continue;
        append_member(session, out, image, column, out->len == start, marks);
    }
    append_raw(out, "}");
}

bool append_key(StringInfo out, const RowImage& image) {
    const RelationEntry& entry = *image.entry;
    if (entry.key_count == 0) return false;
    const int start = out->len;
    append_raw(out, "{");
    for (int i = 0; i < entry.key_count; ++i) {
        const Column& column = entry.columns[entry.key[i]];
        Datum value;
        bool null;
        const bool there =
            !(image.identity_only && !column.in_identity) && fetch(image, column, &value, &null);
        if (i > 0) append_raw(out, ",");
        append_raw(out, column.label, column.label_length);
        if (!there || null || value_encode(column.encoder, value, out) == ValueOutcome::oversize) {
            truncate_text(out, start);
            return false;
        }
    }
    append_raw(out, "}");
    return true;
}

void append_row_id(const Session& session, StringInfo out, const RowImage& image) {
    const RelationEntry& entry = *image.entry;
    const int start = out->len;
    bool keyed = entry.key_count > 0;
    for (int i = 0; keyed && i < entry.key_count; ++i) {
        const Column& column = entry.columns[entry.key[i]];
        Datum value;
        bool null;
        keyed = !(image.identity_only && !column.in_identity) && fetch(image, column, &value, &null) && !null;
        if (!keyed) break;
        append_raw(out, i == 0 ? "/PK:" : ",");
        StringInfoData text;
        initStringInfo(&text);
        keyed = value_append_text(column.encoder, value, &text) != ValueOutcome::oversize;
        append_percent_encoded_utf8(out, text.data, text.len);
        pfree(text.data);
    }
    if (keyed) return;
    truncate_text(out, start);
    StringInfoData json;
    initStringInfo(&json);
    RowMarks unused = {NIL, NIL, NIL};
    append_image(session, &json, image, &unused);
    char hex[kSha256HexLength + 1];
    sha256_hex(json.data, json.len, hex);
    append_raw(out, "/ROW:");
    append_raw(out, hex);
}

}  // namespace cdc
