// What passes: the client's options and the slot's policy together. Each set of rules is asked, and what any
// of them keeps back does not pass; so the options only ever narrow the policy.
//
// Thread: the backend or walsender, under the snapshot of the change. Ownership: results are in
// CurrentMemoryContext. Failure: as published_by.
#pragma once

#include "publications.h"
#include "schema_version.h"
#include "slot_policy.h"

namespace cdc {

// The names by which the rules may know a table, of TableName*: its own and those of the tables it is a
// partition of.
List* table_names(Relation relation);

bool captures_table(const Options& options, const List* names);
// By its name alone; a publication's column list speaks in Published.
bool captures_column(const Options& options, const List* names, const char* column);
MaskKind mask_of(const Options& options, const List* names, const char* column);
// Which logical messages pass.
Messages messages_captured(const Options& options);
// Whether s events may carry the text of the command.
bool captures_statements(const Options& options);

// What the publications of both say of a table.
Published published_as(const Options& options, Relation relation);
// ERROR where a publication that is named does not exist now. In the stream one that is missing publishes
// nothing, as it may have been made later than what is decoded.
void publications_check(const Options& options);
// Warns of those that have been dropped where decoding is (publications.h). there, lasting: as there.
void dropped_publications_check(const Options& options, MemoryContext lasting, List** there);

// Warns of what the rules name and there is not (unknown_names.h): all of it, or columns of one table.
void names_check(const Options& options);
void columns_check(const Options& options, const List* names);

// Whether a row of the history is sent as an s event: where rows of the table would be, under its own name. A
// table that is gone can't be asked; it is taken for what its publications were when it was dropped.
bool captures_definition(const Options& options, TupleDesc history, HeapTuple row);
// A definition of such an event, without the columns that the policy hides; null where it is.
const char* captured_definition(const Options& options, const SchemaChange& change, const char* definition);

}  // namespace cdc
