#include "definition.h"

#include "json_writer.h"
#include "settings.h"

namespace cdc {
namespace {

const char* replica_identity_word(char identity) {
    switch (identity) {
        case REPLICA_IDENTITY_FULL:
            return "full";
        case REPLICA_IDENTITY_INDEX:
            return "index";
        case REPLICA_IDENTITY_NOTHING:
            return "nothing";
        default:
            return "default";
    }
}

// As format_type prints it under an empty search_path: types of pg_catalog without their schema, all others
// with it.
void append_type(StringInfo out, Oid type, int32 typmod) {
    constexpr char prefix[] = "pg_catalog.";
    const char* name =
        format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
    if (strncmp(name, prefix, sizeof(prefix) - 1) == 0) name += sizeof(prefix) - 1;
    json_append_string(out, name);
}

void append_columns(StringInfo out, TupleDesc descriptor) {
    int position = 0;
    for (int i = 0; i < descriptor->natts; ++i) {
        const FormData_pg_attribute& column = *TupleDescAttr(descriptor, i);
        if (!is_live_column(column)) continue;
        append_raw(out, position == 0 ? "{\"name\":" : ",{\"name\":");
        json_append_string(out, NameStr(column.attname));
        append_raw(out, ",\"type\":");
        append_type(out, column.atttypid, column.atttypmod);
        append_raw(out, column.attnotnull ? ",\"nullable\":false,\"position\":"
                                          : ",\"nullable\":true,\"position\":");
        append_int64(out, ++position);
        append_raw(out, "}");
    }
}

void append_key(StringInfo out, Relation relation) {
    ListCell* cell;
    bool first = true;
    foreach (cell, table_key_columns(relation)) {
        if (!first) append_raw(out, ",");
        first = false;
        json_append_string(out,
                           NameStr(TupleDescAttr(RelationGetDescr(relation), lfirst_int(cell) - 1)->attname));
    }
}

// The columns an index is on, in its order. It is read without a lock, as decoding reads its tables: a
// TRUNCATE keeps the index locked until a synchronous standby has its commit, and that standby may be our
// client.
List* index_columns(Oid index_oid) {
    Relation index = OidIsValid(index_oid) ? RelationIdGetRelation(index_oid) : nullptr;
    if (index == nullptr) return NIL;
    List* columns = NIL;
    for (int i = 0; i < index->rd_index->indnkeyatts; ++i) {
        const AttrNumber column = index->rd_index->indkey.values[i];
        if (column <= 0) {  // an expression or a system column: no key that an image can show
            columns = NIL;
            break;
        }
        columns = lappend_int(columns, column);
    }
    RelationClose(index);
    return columns;
}

constexpr char kColumnStart[] = "{\"name\":";

// Where a column's object ends: after the brace that is not inside a string. They hold no objects.
const char* end_of_column(const char* at) {
    for (bool quoted = false; *at != '\0'; ++at) {
        if (quoted && *at == '\\' && at[1] != '\0')
            ++at;
        else if (*at == '"')
            quoted = !quoted;
        else if (*at == '}' && !quoted)
            return at + 1;
    }
    return at;
}

// Where a name's string ends: after its closing quote.
const char* end_of_string(const char* at) {
    for (++at; *at != '\0' && *at != '"'; ++at) {
        if (*at == '\\' && at[1] != '\0') ++at;
    }
    return *at == '"' ? at + 1 : at;
}

// A column's name as JSON has it, quotes included.
char* label_of(const char* column) {
    StringInfoData label;
    initStringInfo(&label);
    json_append_string(&label, column);
    return label.data;
}

// Whether the string at this place is one of the labels.
bool is_one_of(const char* at, const List* labels) {
    const auto length = static_cast<size_t>(end_of_string(at) - at);
    ListCell* cell;
    foreach (cell, labels) {
        const auto* label = static_cast<const char*>(lfirst(cell));
        if (strlen(label) == length && memcmp(at, label, length) == 0) return true;
    }
    return false;
}

// Copies a definition's columns, those of the labels alone; returns where they end.
const char* copy_columns(StringInfo text, const char* at, const List* labels) {
    for (bool first = true; strncmp(at, kColumnStart, strlen(kColumnStart)) == 0;) {
        const char* const end = end_of_column(at);
        if (is_one_of(at + strlen(kColumnStart), labels)) {
            if (!first) append_raw(text, ",");
            append_raw(text, at, static_cast<size_t>(end - at));
            first = false;
        }
        at = *end == ',' ? end + 1 : end;
    }
    return at;
}

// Where a key's names, which begin here, end: at the closing bracket. all: whether each is one of the labels.
const char* end_of_key(const char* at, const List* labels, bool* all) {
    *all = true;
    while (*at == '"') {
        *all = *all && is_one_of(at, labels);
        at = end_of_string(at);
        if (*at == ',') ++at;
    }
    return at;
}

}  // namespace

bool is_live_column(const FormData_pg_attribute& column) {
    return !column.attisdropped && !is_virtual_column(column);
}

List* table_key_columns(Relation relation) {
    return index_columns(relation->rd_rel->relreplident == REPLICA_IDENTITY_INDEX
                             ? RelationGetReplicaIndex(relation)
                             : primary_key_index(relation));
}

List* table_identity_columns(Relation relation) {
    return index_columns(RelationGetReplicaIndex(relation));
}

TableDefinition table_definition(Relation relation) {
    StringInfoData text;
    initStringInfo(&text);
    append_raw(&text, "{\"columns\":[");
    const int nest_level = settings_pin();  // quote_all_identifiers changes how types are written
    append_columns(&text, RelationGetDescr(relation));
    settings_unpin(nest_level);
    append_raw(&text, "],\"key\":[");
    append_key(&text, relation);
    append_raw(&text, "],\"replica_identity\":");
    json_append_string(&text, replica_identity_word(relation->rd_rel->relreplident));

    TableDefinition definition;
    strcpy(definition.fingerprint, "sha256:");
    sha256_hex(text.data, text.len, definition.fingerprint + 7);
    append_raw(&text, ",\"fingerprint\":");
    json_append_string(&text, definition.fingerprint);
    append_raw(&text, "}");
    definition.json = text.data;
    return definition;
}

bool definition_has_column(const char* json, const char* column) {
    // A quote inside a string is escaped, so that this is found nowhere else.
    return strstr(json, psprintf("%s%s,", kColumnStart, label_of(column))) != nullptr;
}

char* definition_of_columns(const char* json, const List* columns) {
    List* labels = NIL;
    ListCell* cell;
    foreach (cell, columns)
        labels = lappend(labels, label_of(static_cast<const char*>(lfirst(cell))));
    StringInfoData text;
    initStringInfo(&text);
    const char* at = strchr(json, '[') + 1;
    append_raw(&text, json, static_cast<size_t>(at - json));
    at = copy_columns(&text, at, labels);
    const char* const key = strchr(at, '[') + 1;
    append_raw(&text, at, static_cast<size_t>(key - at));
    bool shown = true;
    const char* const rest = end_of_key(key, labels, &shown);
    append_raw(&text, shown ? key : rest);
    return text.data;
}

}  // namespace cdc
