// What publications say of a table: whether it is captured, with which operations and columns, and under
// which name (option publication_names; the semantics are those of CREATE PUBLICATION). Without the option
// everything is captured.
//
// Thread: the backend or walsender, under the snapshot of the change. Failure: a publication with a row
// filter on the table is an ERROR that names it.
#pragma once

#include "options.h"

namespace cdc {

struct Published {
    bool any;            // captured at all
    bool changes[4];     // insert, update, delete, truncate
    Bitmapset* columns;  // attnums of a column list; null: all
    Oid root;            // the table under whose name a partition's rows appear; InvalidOid: its own
    bool as_one;         // a partitioned table's partitions appear under its name
};

// OIDs of the table itself and of the tables it is a partition of, nearest first.
List* with_partition_ancestors(Relation relation);

// ERROR where a publication of the options does not exist now. In the stream one that is missing publishes
// nothing, as it may have been made later than what is decoded.
void publications_check(const Options& options);

// Whether a table that is dropped was captured: by a publication of all tables or of its schema, or by one of
// these, which listed it (a text[], may be null).
bool published_before(const Options& options, const char* schema, ArrayType* listed);

Published published_as(const Options& options, Relation relation);

}  // namespace cdc
