// cdc_envelope.schema_history: which version a table's definition has, and the s event that a row of it is.
//
// The history is a user catalog table, so under decoding it is read with the historic snapshot: a change that
// is replayed later still finds the version it was written under. Thread: the backend or walsender. Failure:
// catalogue access may raise.
#pragma once

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
    history_columns = history_publications
};

// A text of a row of the history, in CurrentMemoryContext; null where it is.
char* history_text(TupleDesc descriptor, HeapTuple row, HistoryColumn column);

// The OID of the extension's own history; InvalidOid where the extension is not installed.
Oid find_history();

// A copy of the row with the highest version under a name; null where there is none. It is the last one in
// the primary key's order.
HeapTuple history_latest(Relation history, const char* schema, const char* table);

// The same, looked up once per invalidation.
Oid history_relation(Session* session);

// The latest version of schema.table, if its recorded fingerprint is this one; else 0: DDL went round the
// event triggers, or there is no history.
int32 schema_version(Session* session, const char* schema, const char* table, const char* fingerprint);

}  // namespace cdc
