// The s events that no insert into the history makes at its place: of a definition that went round the event
// triggers, and of one that is recorded only after its first rows (CREATE TABLE AS).
//
// What is due is a function of the WAL alone, so that a later reading from whatever position gives the same
// bytes: a transaction always is read as a whole, and within one the rule is
//   - a definition that the transaction itself records, sooner or later, is announced by that record, once,
//     before the first row under it; the row of the history then says nothing more when it comes by;
//   - any other is announced as unrecorded before a row of it, unless the last s event that the transaction
//     has had of the table said it already.
// A consumer so hears of an unrecorded definition again in every transaction, and has to take it as it is.
//
// Ownership: what has been announced lives in the transaction's context. Thread: the backend or walsender
// that decodes. Failure: catalogue access may raise.
#pragma once

#include "relation_cache.h"
#include "schema_version.h"

namespace cdc {

// The s event that has to come before a row of the entry's table; null where none is due. Sets the entry's
// version where the transaction records it. In CurrentMemoryContext.
const SchemaChange* announcement_due(Session* session, RelationEntry* entry);

// To be called for every row of the history that comes by: false where it has been announced already.
bool announce_recorded(Session* session, const SchemaChange& change);

}  // namespace cdc
