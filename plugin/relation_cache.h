// RelationEntry: all about a table that does not change from row to row, computed once and dropped when
// PostgreSQL invalidates the relation: its names as JSON, its key, one compiled encoder per column, its
// schema version.
//
// Ownership: an entry and all in it live in a context of its own below the session's; found again by OID.
// Invalidation callbacks can't be unregistered (inval.c): they are registered once per process and only mark
// entries, through one pointer that the session's end clears. Failure: building reads catalogues and may
// raise.
#pragma once

#include "definition.h"
#include "session.h"
#include "text_output.h"
#include "value_encoder.h"

namespace cdc {

constexpr int kTruncateChange = 3;  // in RelationEntry::publishes, after RowChange

struct Column {
    int index;          // of the tuple's arrays: attnum - 1
    char* name;         // in the database's encoding
    Segment label;      // ,"name": as JSON
    int16 type_length;  // of the value as it is stored: pg_attribute.attlen
    bool by_value;
    const ValueEncoder* encoder;
    MaskKind mask;
    bool in_identity;  // the old image has it
};

// Where the text of a column's member, label included, stands in the line that is being written; start is -1
// where there is none that could be taken for another image's.
struct MemberText {
    int start;
    int end;
};

// A definition that the history, where there is one, does not have for its table.
struct UnrecordedDefinition {
    char* schema;
    char* table;
    TableDefinition definition;
};

struct RelationEntry {
    Oid relid;  // key of the hash table; first
    bool valid;
    uint64 generation;  // the session's when this was built
    bool captured;
    bool is_history;
    bool publishes[4];        // by change: insert, update, delete, truncate
    bool old_image_is_whole;  // REPLICA IDENTITY FULL
    bool uses_output_functions;
    Oid shown;           // the table under whose name its events go: itself, or one it is a partition of
    List* lineage;       // of a partition: OIDs of itself and of the tables it is a partition of; else NIL
    uint32* user_types;  // of the columns' types, those that users made: the syscache's hash values
    int user_type_count;
    MemoryContext context;
    TupleDesc descriptor;  // a copy
    Column* columns;
    int column_count;
    int* key;  // indexes into columns
    int key_count;
    MemberText* members;                     // by column: of the old image of the change at hand
    Segment source_id;                       // {"source_id":"pg://c/d/s.t
    Segment version;                         // ,"schema_version":N,"op_type":"
    Segment names;                           // ,"schema":"…","table":"…"[,"partition":"…"],"key":
    Segment fingerprint;                     // ,"fingerprint":"sha256:…" or empty
    char* count_name;                        // schema.table, for the e event
    TableCount* count;                       // of the transaction with count_serial
    const UnrecordedDefinition* unrecorded;  // null where the version is known, or nothing is recorded at all
    uint64 announced_serial;  // of the transaction that has looked for the definition's s event
    uint64 count_serial;
    struct RowFilter* filter;  // null: every row passes
    Datum* values[2];          // of the old and the new tuple
    bool* nulls[2];
};

constexpr int kOld = 0;
constexpr int kNew = 1;

void relation_cache_create(Session* session);

// Sets the version that the entry's events carry: 0 where it is not recorded.
void relation_entry_set_version(RelationEntry* entry, int32 version, const char* fingerprint);

// The entry of an open relation, built where it is not valid.
RelationEntry* relation_entry(Session* session, Relation relation);

// Gives back the entries that are out of date, where there have come to be twice as many as there were after
// the last time: those of dropped tables are never asked for again. Only between transactions, when nobody
// holds an entry.
void relation_cache_trim(Session* session);

// An entry outside any cache, in CurrentMemoryContext, for encode(). ERROR where the options leave the table
// out.
RelationEntry* relation_entry_alone(Session* session, Relation relation);

}  // namespace cdc
