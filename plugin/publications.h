// What publications say of a table: whether it is captured, with which operations, columns and rows, and
// under which name (publication_names of the options or of the slot's policy; the semantics are pgoutput's,
// pgoutput.c, get_rel_sync_entry). Where none are named everything is captured.
//
// Thread: the backend or walsender, under the snapshot of the change. Ownership: CurrentMemoryContext.
// Failure: catalogue access may raise.
#pragma once

#include "rules.h"

namespace cdc {

enum class RowChange : uint8 { insert, update, remove };  // numbered as Published::changes

// The row filters that one set of publications has for a table, as node trees (char*). Several are an OR; a
// list that is empty lets every row through, as where one of the publications has no filter.
struct PublishedRows {
    Oid relid;      // whose columns they speak of: the table's or those of one it is a partition of
    List* when[3];  // by change: insert, update, delete
    List* always;   // all of them, whatever their publication's operations are: what a snapshot has
};

struct Published {
    bool any;            // captured at all
    bool changes[4];     // insert, update, delete, truncate
    bool all_columns;    // none is left out
    Bitmapset* columns;  // attnums of those that are not, of the table itself
    List* rows;          // of PublishedRows*: a row has to pass each
    Oid root;            // the table under whose name a partition's rows appear; InvalidOid: its own
    bool as_one;         // a partitioned table's partitions appear under its name
};

// OIDs of the table itself and of the tables it is a partition of, nearest first.
List* with_partition_ancestors(Relation relation);

// A WARNING for each publication of these rules that was there (`there`: names, char*, in `lasting`) and is
// gone where decoding is now: from there on it publishes nothing. Of one that is yet to come nothing is said.
void warn_of_dropped_publications(const Rules& rules, MemoryContext lasting, List** there);

// Whether a table that is dropped was captured under its own name: by a publication of all tables or of its
// schema, or by one of these, which listed it (a text[], may be null). names, of TableName*: its own, and
// those of what it was a partition of.
bool published_before(const Rules& rules, const List* names, ArrayType* listed);

// What the publications of one set of rules say of a table. by_root: a partition's rows go by its root's
// name, whatever they say.
Published published_by(const Rules& rules, bool by_root, Relation relation);

// What both say: the operations, columns and rows that each has. The name is the first one's where that gives
// one.
Published published_by_both(const Published& one, const Published& other);

}  // namespace cdc
