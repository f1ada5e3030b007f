// Rules for tables and columns that there are not: a misspelt mask masks nothing and a misspelt exclusion
// excludes nothing, and neither must do so in silence. A WARNING each, no error: the rule has to be there
// before the column is, and stays after it for the WAL that is left.
//
// Thread: the backend or walsender, outside decoding (the present counts). Failure: catalogue access may
// raise.
#pragma once

#include "rules.h"

namespace cdc {

enum class RulesOf : uint8 { client, policy };

// Warns of what there is not now and was not recorded to have been: each mask, each shown column and each
// excluded table (a pattern with * may well mean what comes later).
void warn_of_unknown_names(const Rules& rules, RulesOf whose);
// The same for the masks and shown columns of one table. names: of TableName*, all of the table's.
void warn_of_unknown_columns(const Rules& rules, RulesOf whose, const List* names);

}  // namespace cdc
