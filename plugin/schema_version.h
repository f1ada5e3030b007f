// cdc_envelope.schema_history: which version a table's definition has, and the s event that a row of it is.
//
// The history is a user catalog table, so under decoding it is read with the historic snapshot: a change that
// is replayed later still finds the version it was written under. Thread: the backend or walsender. Failure:
// catalogue access may raise.
#pragma once

#include "rules.h"
#include "session.h"

namespace cdc {

// The history's columns by attnum (control/cdc_envelope--1.0.sql).
enum HistoryColumn : AttrNumber {
    history_schema_name = 1,
    history_table_name,
    history_version,
    history_fingerprint,
    history_definition,
    history_previous,
    history_tag,
    history_statement,
    history_relid,
    history_recorded_at,
    history_publications,
    history_restored,
    history_ancestors,
    history_columns = history_ancestors
};

// What a dropped table was a partition of, nearest first, as its row of the history says.
struct Lineage {
    bool known;
    List* names;  // of TableName*
};

// A row of the history taken apart, or what stands for one: what an s event says.
struct SchemaChange {
    const char* schema;
    const char* table;
    int32 version;            // 0: not recorded
    const char* fingerprint;  // of after; null where that is
    const char* before;       // definitions as JSON, or null
    const char* after;
    const char* tag;
    const char* statement;  // may be null
    Oid relation;
    Lineage ancestors;  // of a table that is gone
};

// The tag of an s event that no row of the history stands for.
constexpr char kUnrecordedTag[] = "UNRECORDED";

// A text of a row of the history, in CurrentMemoryContext; null where it is.
char* history_text(TupleDesc descriptor, HeapTuple row, HistoryColumn column);

int32 history_version_of(TupleDesc descriptor, HeapTuple row);
Oid history_relation_of(TupleDesc descriptor, HeapTuple row);

Lineage history_lineage(TupleDesc descriptor, HeapTuple row);

// Texts are in CurrentMemoryContext.
SchemaChange history_change(TupleDesc descriptor, HeapTuple row);

// The OID of the extension's own history; InvalidOid where the extension is not installed.
Oid find_history();

// A copy of the row with the highest version under a name; null where there is none. It is the last one in
// the primary key's order.
HeapTuple history_latest(Relation history, const char* schema, const char* table);

// A copy of the first row after version `after` that a transaction, or a subtransaction of it, records under
// a name, be it later in it than the change at hand: CREATE TABLE AS puts its rows in before event triggers
// run. Null where there is none. Read past the historic snapshot, but no less a function of the WAL: a
// transaction that is decoded has committed, so all of its rows are there, and rows of the history are never
// taken away.
HeapTuple history_recorded_by(Relation history, const ReorderBufferTXN& transaction, const char* schema,
                              const char* table, int32 after);

// Whether the history is there for such a table at all: not for PostgreSQL's own (information_schema's too),
// nor for temporary ones and those of the history's own schema.
bool is_recordable(Relation relation, Oid history);

// The OID of the history, looked up once per invalidation.
Oid history_relation(Session* session);

// The latest version of schema.table, if its recorded fingerprint is this one; else 0: DDL went round the
// event triggers, or there is no history.
int32 schema_version(Session* session, const char* schema, const char* table, const char* fingerprint);

}  // namespace cdc
