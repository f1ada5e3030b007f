// What went wrong when a connection could not be made. libpq has no accessor for the SQLSTATE of a refused
// connection, but prints it under PQERRORS_VERBOSE; this reads it back out of the text. Owner: nobody.
// Thread: pure functions.
#pragma once

#include <string_view>

#include "base/status.h"

namespace cdc::pq {

// text: PQerrorMessage of a failed connection under PQERRORS_VERBOSE; it may have one part per host.
// needs_password: PQconnectionNeedsPassword. Fatal where the server (or libpq, before asking it) refuses what
// we are; retry otherwise.
Status connect_error(std::string_view text, bool needs_password);

}  // namespace cdc::pq
