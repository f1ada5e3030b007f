// The configured conditions on what a snapshot reads (source.tables.where), judged before anything is read:
// by the server, which parses them against the table, and by their words.
//
// A condition is evaluated under our role, once for every row, in a transaction that is read-only; still it
// must not depend on more than the row: no subquery, and no function of a name that a volatile function has.
// Judged by names, so it is rather too strict than too lax: nextval, random and dblink are refused in any
// form. Owner: nobody. Thread: one at a time (the connection's). Failure: fatal, naming the table and what is
// wrong.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "pq/connection.h"
#include "source/captured_tables.h"

namespace cdc::source {

// What the words of a condition say: the names before an opening bracket, in lower case unless quoted, and
// whether there is a subquery.
struct ConditionWords {
    std::vector<std::string> called;
    bool subquery = false;
};
ConditionWords words_of_condition(std::string_view sql);

// Ok where the table has no condition.
Status check_condition(pq::Connection& sql, const CapturedTable& table);

}  // namespace cdc::source
