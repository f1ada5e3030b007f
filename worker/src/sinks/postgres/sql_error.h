// What a failed statement of the sink means to the pipeline, by its SQLSTATE. Thread: pure functions.
#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc::projection {

// What a statement that has to change a row fails with where there is none (division by zero).
inline constexpr std::string_view no_row_changed = "22012";

// retry: the connection, the server or another transaction is in the way (class 08, 40, 53, 57, a lock
// timeout, a server that has become read-only); reject: the data (class 22, 23, 21, 44, 54 and what a trigger
// raises); fatal: everything else (privileges, a table that someone changed).
StatusCode status_code_of(std::string_view sqlstate);

// where: what was being done. Carries the server's primary message and hint, never its detail, which quotes
// rows.
Status sql_error(const PGconn* connection, const PGresult* result, const std::string& where);

// "" where the result has none.
std::string sqlstate_of(const PGresult* result);

}  // namespace cdc::projection
