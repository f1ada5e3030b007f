// Rules for columns that there are not: a misspelt mask masks nothing, and must not do so in silence. A
// WARNING each, no error: the rule has to be there before the column is, and stays after it for the WAL that
// is left.
//
// Thread: the backend or walsender, outside decoding (the present counts). Failure: catalogue access may
// raise.
#pragma once

#include "rules.h"

namespace cdc {

// Warns of each mask and each shown column that no table has now, and that none was recorded to have had.
// names: of TableName*, only rules for these tables; NIL: all rules. where: what holds the rules, for the
// hint.
void warn_of_unknown_columns(const Rules& rules, const List* names, const char* where);

}  // namespace cdc
