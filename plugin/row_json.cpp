#include "row_json.h"

#include "digest.h"
#include "json_writer.h"

namespace cdc {
namespace {

// The value that stands for unchanged TOAST: the old image's, where that has it. False: not at hand.
pg_noinline bool fetch_from_old(const RowImage& image, const Column& column, Datum* value) {
    const RowImage* const old = image.old;
    if (old == nullptr || (old->identity_only && !column.in_identity) || old->nulls[column.index])
        return false;
    *value = old->values[column.index];
    return !is_unchanged_toast(column.type_length, *value);
}

// A value of this image, from the old image where the WAL has only a pointer to unchanged TOAST. False: not
// at hand. Inlined, as it is asked for each value, and for most there is next to nothing to do.
inline bool fetch(const RowImage& image, const Column& column, Datum* value, bool* null) {
    *value = image.values[column.index];
    *null = image.nulls[column.index];
    if (*null || !is_unchanged_toast(column.type_length, *value)) return true;
    return fetch_from_old(image, column, value);
}

bool is_in(const RowImage& image, const Column& column) {
    return !image.identity_only || column.in_identity;
}

// Whether two values are the same in every byte. Equal values may differ in theirs (a packed or compressed
// text); then this says no.
bool have_same_bytes(const Column& column, Datum one, Datum other) {
    if (one == other) return true;
    if (column.by_value || column.type_length == -2) return false;
    const void* const a = DatumGetPointer(one);
    const void* const b = DatumGetPointer(other);
    if (column.type_length > 0) return memcmp(a, b, static_cast<size_t>(column.type_length)) == 0;
    const Size size = VARSIZE_ANY(a);
    return size == VARSIZE_ANY(b) && memcmp(a, b, size) == 0;
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
    append_raw(&text, column.label.text + strlen(","));
    if (value_encode(column.encoder, value, &text) == ValueOutcome::oversize) return ValueOutcome::oversize;
    char hex[kSha256HexLength + 1];
    sha256_hex(text.data, text.len, hex);
    append_raw(out, "\"sha256:");
    append_raw(out, hex);
    append_raw(out, "\"");
    return ValueOutcome::written;
}

// Bytes from which on a value takes long enough to look after the connection meanwhile.
constexpr Size kLargeValue = 1024 * 1024;

// A value that is copied to be read, as it is compressed or out of line, or whose text is large.
bool is_costly(const Column& column, Datum value) {
    if (column.type_length != -1) return false;
    const auto* const stored = DatumGetPointer(value);
    return VARATT_IS_EXTERNAL(stored) || VARATT_IS_COMPRESSED(stored) || VARSIZE_ANY(stored) >= kLargeValue;
}

ValueOutcome append_value(const Session& session, StringInfo out, const Column& column, Datum value) {
    return column.mask != MaskKind::none ? append_masked(session, out, column, value)
                                         : value_encode(column.encoder, value, out);
}

// The same where the value is costly: its copies go before the next value's are made, so that a row takes the
// memory of its largest value, and the walsender's client hears of us within wal_sender_timeout.
ValueOutcome append_costly_value(const Session& session, StringInfo out, const Column& column, Datum value) {
    MemoryContext caller = MemoryContextSwitchTo(session.value_context);
    const ValueOutcome outcome = append_value(session, out, column, value);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(session.value_context);
    if (toast_raw_datum_size(value) >= kLargeValue) {
        CHECK_FOR_INTERRUPTS();
        if (session.decoding != nullptr) update_progress(session.decoding, false);
    }
    return outcome;
}

// One member of the image, with a comma before it; the label is taken back where there is nothing to show.
// True where the text is all there is to say about it.
bool append_member(const Session& session, StringInfo out, const RowImage& image, const Column& column,
                   RowMarks* marks) {
    Datum value;
    bool null;
    if (!fetch(image, column, &value, &null)) {
        marks->unchanged = lappend(marks->unchanged, const_cast<Column*>(&column));
        return false;
    }
    const int start = out->len;
    append_segment(out, column.label);
    if (null) {
        append_raw(out, "null");
        return true;
    }
    const ValueOutcome outcome = is_costly(column, value) ? append_costly_value(session, out, column, value)
                                                          : append_value(session, out, column, value);
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
    return outcome == ValueOutcome::written;
}

// Whether a column of the new image has what it had in the old one, and that one's text is there to be taken.
bool is_same_member(const RowImage& image, int at) {
    if (image.entry->members[at].start < 0) return false;
    const Column& column = image.entry->columns[at];
    Datum value;
    bool null;
    if (!fetch(image, column, &value, &null)) return false;
    const RowImage& old = *image.old;
    if (null || old.nulls[column.index]) return null && old.nulls[column.index];
    return have_same_bytes(column, value, old.values[column.index]);
}

// Takes over the text of as many columns as stand side by side in the old image and are the same in the new
// one, from column `at` on: one copy instead of so many encodings. Returns how many they are.
int append_same_members(StringInfo out, const RowImage& image, int at) {
    const MemberText* const members = image.entry->members;
    int end = at;
    while (end < image.entry->column_count && is_same_member(image, end))
        ++end;
    if (end == at) return 0;
    const auto length = static_cast<size_t>(members[end - 1].end - members[at].start);
    if (!has_room(out, length, out->cursor + kLongestText)) return 0;  // the encoder says what is too long
    char* const to = make_room(out, length);
    memcpy(to, out->data + members[at].start, length);
    *to = ',';  // a brace where the object begins
    end_text(out, to + length);
    return end - at;
}

// False where the table has no key or the image lacks it; out may then end anywhere.
bool append_key_id(StringInfo out, const RowImage& image) {
    const RelationEntry& entry = *image.entry;
    for (int i = 0; i < entry.key_count; ++i) {
        const Column& column = entry.columns[entry.key[i]];
        Datum value;
        bool null;
        if (!is_in(image, column) || !fetch(image, column, &value, &null) || null) return false;
        append_raw(out, i == 0 ? "/PK:" : ",");
        if (value_append_id(column.encoder, value, out) == ValueOutcome::oversize) return false;
    }
    return entry.key_count > 0;
}

// What begins with a comma where an object should: the first member's, or none at all.
void open_object(StringInfo out, int start) {
    if (out->len == start) {
        append_char(out, '{');
    } else {
        out->data[start] = '{';
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

void append_image(const Session& session, StringInfo out, const RowImage& image, MemberTexts texts,
                  RowMarks* marks) {
    const RelationEntry& entry = *image.entry;
    const int start = out->len;
    for (int i = 0; i < entry.column_count; ++i) {
        if (texts == MemberTexts::take) {
            i += append_same_members(out, image, i);
            if (i == entry.column_count) break;
        }
        const Column& column = entry.columns[i];
        MemberText text = {-1, -1};
        if (is_in(image, column)) {
            const int from = out->len;
            if (append_member(session, out, image, column, marks)) text = {from, out->len};
        }
        if (texts == MemberTexts::note) entry.members[i] = text;
    }
    open_object(out, start);
    append_char(out, '}');
}

bool append_key(StringInfo out, const RowImage& image) {
    const RelationEntry& entry = *image.entry;
    const int start = out->len;
    for (int i = 0; i < entry.key_count; ++i) {
        const Column& column = entry.columns[entry.key[i]];
        Datum value;
        bool null;
        const bool there = is_in(image, column) && fetch(image, column, &value, &null) && !null;
        append_segment(out, column.label);
        if (!there || value_encode(column.encoder, value, out) == ValueOutcome::oversize) {
            truncate_text(out, start);
            return false;
        }
    }
    if (entry.key_count == 0) return false;
    open_object(out, start);
    append_char(out, '}');
    return true;
}

bool has_key(const RowImage& image) {
    const RelationEntry& entry = *image.entry;
    for (int i = 0; i < entry.key_count; ++i) {
        const Column& column = entry.columns[entry.key[i]];
        Datum value;
        bool null;
        if (!is_in(image, column) || !fetch(image, column, &value, &null) || null) return false;
    }
    return entry.key_count > 0;
}

bool have_same_key(const RowImage& one, const RowImage& other) {
    const RelationEntry& entry = *one.entry;
    for (int i = 0; i < entry.key_count; ++i) {
        const Column& column = entry.columns[entry.key[i]];
        Datum values[2];
        bool null;
        if (!is_in(one, column) || !is_in(other, column)) return false;
        if (!fetch(one, column, &values[0], &null) || null) return false;
        if (!fetch(other, column, &values[1], &null) || null) return false;
        if (!have_same_bytes(column, values[0], values[1])) return false;
    }
    return entry.key_count > 0;
}

void append_row_id(const Session& session, StringInfo out, const RowImage& image) {
    const int start = out->len;
    if (append_key_id(out, image)) return;
    truncate_text(out, start);
    // The image is written where the id will be, and taken back. Its room is counted from here, so that a row
    // has the same id wherever it stands in a line.
    const int line = out->cursor;
    out->cursor = start;
    RowMarks unused = {NIL, NIL, NIL};
    append_image(session, out, image, MemberTexts::ignore, &unused);
    out->cursor = line;
    char hex[kSha256HexLength + 1];
    sha256_hex(out->data + start, out->len - start, hex);
    truncate_text(out, start);
    append_raw(out, "/ROW:");
    append_raw(out, hex);
}

}  // namespace cdc
