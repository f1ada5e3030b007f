#include "envelope.h"

#include "capture.h"
#include "json_writer.h"

namespace cdc {
namespace {

char op_of(RowChange change) {
    constexpr char ops[] = {'c', 'u', 'd'};
    return ops[static_cast<int>(change)];
}

// ,"ts_source":…,"commit_lsn":…,"xid":…,"seq":N
void append_stamp(const Session& session, StringInfo out) {
    append_segment(out, session.transaction.stamp);
    append_int64(out, session.transaction.next_seq);
}
void append_stamp_without_seq(const Session& session, StringInfo out) {
    append_segment(out, session.transaction.stamp);
    append_raw(out, "null");
}

void append_column_names(StringInfo out, const char* field, const List* columns) {
    if (columns == NIL) return;
    append_raw(out, field);
    ListCell* cell;
    foreach (cell, columns) {
        if (cell != list_head(columns)) append_char(out, ',');
        json_append_string(out, static_cast<const Column*>(lfirst(cell))->name);
    }
    append_char(out, ']');
}

void append_marks(StringInfo out, const RowMarks& marks) {
    append_column_names(out, ",\"unchanged\":[", marks.unchanged);
    append_column_names(out, ",\"oversize\":[", marks.oversize);
    if (marks.json_null == NIL) return;
    append_raw(out, ",\"json_null\":[");
    ListCell* cell;
    foreach (cell, marks.json_null) {
        if (cell != list_head(marks.json_null)) append_char(out, ',');
        json_append_string(out, static_cast<const char*>(lfirst(cell)));
    }
    append_char(out, ']');
}

void append_id(const Session& session, StringInfo out, const RelationEntry& entry, const RowImage* image) {
    append_segment(out, entry.source_id);
    if (image == nullptr) {
        append_raw(out, "/NONE");
    } else {
        append_row_id(session, out, *image);
    }
    append_char(out, '"');
}

// ,"old_source_id":"…" where the update changed what the row is known by. new_id: what append_row_id says of
// after.
void append_old_id(const Session& session, StringInfo out, const RelationEntry& entry, const RowImage& before,
                   const RowImage& after, std::string_view new_id) {
    if (have_same_key(before, after)) return;
    // An identity without the key does not tell which row it was: a keyless table's, or that of a partition
    // whose replica identity is an index of its own, under the root's name.
    if (before.identity_only && !has_key(before)) return;
    StringInfoData old_id;
    initStringInfo(&old_id);
    append_row_id(session, &old_id, before);
    if (new_id == std::string_view(old_id.data, static_cast<size_t>(old_id.len))) return;
    append_raw(out, ",\"old_source_id\":");
    append_raw(out, entry.source_id.text + strlen("{\"source_id\":"));
    append_raw(out, old_id.data, static_cast<size_t>(old_id.len));
    append_char(out, '"');
}

// From key to the last field.
void append_body(const Session& session, StringInfo out, const RelationEntry& entry, const RowImage* key,
                 const RowImage* before, const RowImage* after) {
    RowMarks marks = {NIL, NIL, NIL};
    append_segment(out, entry.names);
    if (key == nullptr || !append_key(out, *key)) append_raw(out, "null");
    append_raw(out, ",\"before\":");
    if (before != nullptr)
        append_image(session, out, *before, after != nullptr ? MemberTexts::note : MemberTexts::ignore,
                     &marks);
    else
        append_raw(out, "null");
    append_raw(out, ",\"after\":");
    if (after != nullptr)
        append_image(session, out, *after, before != nullptr ? MemberTexts::take : MemberTexts::ignore,
                     &marks);
    else
        append_raw(out, "null");
    append_marks(out, marks);
    append_segment(out, entry.fingerprint);
    append_segment(out, session.evidence);
}

}  // namespace

void append_row_event(const Session& session, const RelationEntry& entry, RowChange change,
                      const RowImage* before, const RowImage* after) {
    StringInfo out = session.out;
    const RowImage* const subject = after != nullptr ? after : before;
    const int start = out->len + entry.source_id.length;
    append_id(session, out, entry, subject);
    if (before != nullptr && after != nullptr) {
        const auto length = static_cast<size_t>(out->len - start) - strlen("\"");
        append_old_id(session, out, entry, *before, *after, {out->data + start, length});
    }
    append_segment(out, entry.version);
    append_char(out, op_of(change));
    append_char(out, '"');
    append_stamp(session, out);
    append_body(session, out, entry, subject, before, after);
}

void encoded_stamp_make(const Session& session, EncodedStamp* stamp, char op, TimestampTz ts_source,
                        XLogRecPtr commit_lsn) {
    StringInfoData text;
    initStringInfo(&text);
    append_char(&text, op);
    append_raw(&text, "\",\"ts_source\":");
    append_time(session, &text, ts_source);
    append_raw(&text, ",\"commit_lsn\":");
    append_lsn(&text, commit_lsn);
    append_raw(&text, ",\"xid\":null,\"seq\":null");
    *stamp = {op, ts_source, commit_lsn, make_segment(&text)};
}

void append_encoded_row(const Session& session, const RelationEntry& entry, const EncodedStamp& stamp,
                        const RowImage& image, StringInfo out) {
    append_id(session, out, entry, &image);
    append_segment(out, entry.version);
    append_segment(out, stamp.text);
    const bool removed = stamp.op == 'd';
    append_body(session, out, entry, &image, removed ? &image : nullptr, removed ? nullptr : &image);
}

void append_truncate_event(const Session& session, const RelationEntry& entry, bool cascade,
                           bool restart_identity) {
    StringInfo out = session.out;
    append_segment(out, entry.source_id);
    append_char(out, '"');
    append_segment(out, entry.version);
    append_raw(out, "t\"");
    append_stamp(session, out);
    append_segment(out, entry.names);
    append_raw(out, "null,\"before\":null,\"after\":null");
    append_segment(out, entry.fingerprint);
    append_raw(out, ",\"truncate\":{\"cascade\":");
    append_raw(out, cascade ? "true" : "false");
    append_raw(out, ",\"restart_identity\":");
    append_raw(out, restart_identity ? "true}" : "false}");
    append_segment(out, session.evidence);
}

void append_schema_event(const Session& session, const SchemaChange& change) {
    StringInfo out = session.out;
    append_raw(out, "{\"source_id\":\"");
    append_raw(out, session.database_prefix);
    append_char(out, '/');
    append_percent_encoded(out, change.schema, strlen(change.schema));
    append_char(out, '.');
    append_percent_encoded(out, change.table, strlen(change.table));
    append_raw(out, "\",\"schema_version\":");
    append_int64(out, change.version);
    append_raw(out, ",\"op_type\":\"s\"");
    append_stamp(session, out);
    append_raw(out, ",\"schema\":");
    json_append_string(out, change.schema);
    append_raw(out, ",\"table\":");
    json_append_string(out, change.table);
    append_raw(out, ",\"key\":null,\"before\":");
    const char* const before = captured_definition(*session.options, change, change.before);
    const char* const after = captured_definition(*session.options, change, change.after);
    append_raw(out, before != nullptr ? before : "null");
    append_raw(out, ",\"after\":");
    append_raw(out, after != nullptr ? after : "null");
    if (change.version == 0) {
        append_raw(out, ",\"fingerprint\":");
        json_append_string(out, change.fingerprint);
    }
    append_raw(out, ",\"ddl\":{\"tag\":");
    json_append_string(out, change.tag);
    append_raw(out, ",\"statement\":");
    const char* const statement = captures_statements(*session.options) ? change.statement : nullptr;
    if (statement != nullptr)
        json_append_string(out, statement);
    else
        append_raw(out, "null");
    append_raw(out, change.version == 0 ? ",\"unrecorded\":true}" : "}");
    append_segment(out, session.evidence);
}

namespace {

// A prefix longer than this (bytes) is left out, as it stands in the event twice, escaped. Prefixes name what
// a message is about; but any role can send one of up to 1 GB, and no message may stop the slot.
constexpr size_t kLongestPrefix = 1024;

// Text in the database's encoding (SQL_ASCII: UTF-8) as text, anything else in hex. False, with null in its
// place, where that would be longer than max_value_bytes.
bool append_message_content(const Session& session, StringInfo out, const char* content, Size size) {
    const int length = static_cast<int>(size);
    const int encoding = GetDatabaseEncoding() == PG_SQL_ASCII ? PG_UTF8 : GetDatabaseEncoding();
    const bool is_text =
        valid_prefix(encoding, content, length) == length && memchr(content, '\0', size) == nullptr;
    const int limit = value_length_limit(session.value_options, out);
    const int start = out->len;
    constexpr size_t hex_frame = 5;  // "\\x…"
    if (is_text) {
        if (json_append_string_within(out, content, size, limit)) return true;
    } else if (has_room(out, hex_frame + 2 * size, limit)) {
        append_raw(out, "\"\\\\x");
        append_hex(out, content, size);
        append_raw(out, "\",\"encoding\":\"hex\"");
        return true;
    }
    truncate_text(out, start);
    append_raw(out, "null");
    return false;
}

void append_message(const Session& session, StringInfo out, bool transactional, const char* prefix, Size size,
                    const char* content) {
    const bool has_prefix = strlen(prefix) <= kLongestPrefix;
    append_raw(out, ",\"message\":{\"prefix\":");
    if (has_prefix)
        json_append_string(out, prefix);
    else
        append_raw(out, "null");
    append_raw(out, transactional ? ",\"transactional\":true,\"content\":"
                                  : ",\"transactional\":false,\"content\":");
    const bool has_content = append_message_content(session, out, content, size);
    if (!has_prefix || !has_content) {
        append_raw(out, has_content  ? ",\"oversize\":[\"prefix\"]"
                        : has_prefix ? ",\"oversize\":[\"content\"]"
                                     : ",\"oversize\":[\"prefix\",\"content\"]");
    }
    append_char(out, '}');
}

}  // namespace

void append_message_event(const Session& session, bool transactional, XLogRecPtr lsn, const char* prefix,
                          Size size, const char* content) {
    StringInfo out = session.out;
    append_raw(out, "{\"source_id\":\"");
    append_raw(out, session.database_prefix);
    append_raw(out, "/MESSAGE/");
    if (strlen(prefix) <= kLongestPrefix) append_percent_encoded(out, prefix, strlen(prefix));
    append_raw(out, "\",\"schema_version\":0,\"op_type\":\"m\"");
    if (transactional) {
        append_stamp(session, out);
    } else {
        append_raw(out, ",\"ts_source\":null,\"commit_lsn\":");
        append_lsn(out, lsn);
        append_raw(out, ",\"xid\":null,\"seq\":null");
    }
    append_raw(out, ",\"schema\":null,\"table\":null,\"key\":null,\"before\":null,\"after\":null");
    append_message(session, out, transactional, prefix, size, content);
    append_segment(out, session.evidence);
}

namespace {

void append_boundary_head(const Session& session, char op) {
    StringInfo out = session.out;
    append_raw(out, "{\"source_id\":\"");
    append_raw(out, session.database_prefix);
    append_raw(out, "\",\"schema_version\":0,\"op_type\":\"");
    append_char(out, op);
    append_char(out, '"');
    append_stamp_without_seq(session, out);
    append_raw(out, ",\"schema\":null,\"table\":null,\"key\":null,\"before\":null,\"after\":null");
}

}  // namespace

void append_begin_event(const Session& session) {
    append_boundary_head(session, 'b');
    append_segment(session.out, session.evidence);
}

void append_end_event(const Session& session, XLogRecPtr end_lsn) {
    StringInfo out = session.out;
    append_boundary_head(session, 'e');
    append_raw(out, ",\"end_lsn\":");
    append_lsn(out, end_lsn);
    append_raw(out, ",\"events\":");
    append_int64(out, session.transaction.next_seq);
    append_raw(out, ",\"tables\":{");
    ListCell* cell;
    foreach (cell, session.transaction.tables) {
        const auto* count = static_cast<const TableCount*>(lfirst(cell));
        if (cell != list_head(session.transaction.tables)) append_char(out, ',');
        json_append_string(out, count->name);
        append_char(out, ':');
        append_int64(out, count->events);
    }
    append_char(out, '}');
    append_segment(out, session.evidence);
}

}  // namespace cdc
