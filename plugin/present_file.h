// The file that a relation has now. REINDEX, VACUUM FULL, CLUSTER and TRUNCATE give relations new files and
// take the old ones away. Under decoding PostgreSQL opens catalogues and user catalog tables in their present
// file all the same, since that holds the older rows too (relcache.c, RelationInitPhysicalAddr); but a user
// catalog table's indexes and its TOAST table it opens in the file they had at the change at hand.
//
// Thread: the backend or walsender; without a lock on the relation, as decoding reads everything. So a file
// may go between the question and the reading: that is an ERROR once, and the next try finds the new file.
// Failure: catalogue access may raise.
#pragma once

#include "postgres_api.h"

namespace cdc {

// Whether an open relation is read from its present file; always, where nothing is decoded.
bool has_present_file(Relation relation);

// Makes it so, until the relation is next invalidated, as relcache.c does for catalogues. False where there
// is no such relation any more.
bool use_present_file(Relation relation);

}  // namespace cdc
