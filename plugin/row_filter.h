// Publications' row filters (CREATE PUBLICATION … WHERE), compiled for one table: which of its changes are
// sent, and as what. The rules are PostgreSQL's (logical replication, "Row Filters"; pgoutput.c,
// pgoutput_row_filter): an update that enters a filter is an insert, one that leaves it a delete.
//
// PostgreSQL lets a filter be made of immutable built-in functions alone, and for updates and deletes of the
// replica identity's columns, so that it can be evaluated here, under the historic snapshot. Ownership: all
// of it in the context that is current when it is compiled. Thread: the backend or walsender. Failure: what
// an expression raises (a division by zero, say), as in pgoutput; the publication has to be mended then.
#pragma once

#include "publications.h"

namespace cdc {

struct RowFilter;

// A row's values by attribute number less one; what an old image lacks is null.
struct RowValues {
    const Datum* values;
    const bool* nulls;
};

// rows: what Published has. Null where every row passes.
RowFilter* row_filter_compile(const List* rows, Relation relation);

// Whether a change is sent; *change is what it is sent as. before and after: null where there is none. A
// value of after that is not in the WAL, as it was not changed, is before's.
bool row_filter_passes(RowFilter* filter, RowChange* change, const RowValues* before, const RowValues* after);

// The condition on a row of the table that a snapshot has, as SQL; null where it has every row. All the
// publications count then, whatever their operations are (as in tablesync.c, fetch_remote_table_info).
char* row_filter_sql(const List* rows);

}  // namespace cdc
