// A text of a row of one of the extension's own tables, wherever it is stored: also out of line, and also
// under decoding, where PostgreSQL itself would look for it in a file that a rewrite of the table has taken
// away since (present_file.h).
//
// Thread: the backend or walsender. Ownership: CurrentMemoryContext. Failure: reading may raise.
#pragma once

#include "postgres_api.h"

namespace cdc {

// The text, as a C string; null where its table was rewritten so that it is not to be found any more (by a
// program that swaps files by itself: PostgreSQL keeps it).
char* stored_text(Datum value);

}  // namespace cdc
