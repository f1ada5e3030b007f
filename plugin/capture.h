// Which tables' events the options let through: include_tables, exclude_tables and publication_names
// together, for rows (relation_cache.h) and for definitions.
//
// Thread: the backend or walsender, under the snapshot of the change. Ownership: results are in
// CurrentMemoryContext. Failure: as published_as.
#pragma once

#include "publications.h"
#include "schema_version.h"

namespace cdc {

// The names by which the options may know a table, of TableName*: its own and those of the tables it is a
// partition of.
List* table_names(Relation relation);

// Whether a row of the history is sent as an s event: where rows of the table would be, under its own name. A
// table that is gone can't be asked; it is taken for what its publications were when it was dropped.
bool captures_definition(const Options& options, TupleDesc history, HeapTuple row);

}  // namespace cdc
