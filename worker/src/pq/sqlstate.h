// What an SQLSTATE means for the one who asked (PostgreSQL docs, Appendix A). Owner: nobody. Thread: pure
// functions.
#pragma once

#include <string_view>

namespace cdc::pq {

// Whether the trouble passes by itself, so that the same thing may be tried again after a backoff: the
// connection broke (08), the server is stopping or starting (57P01–57P03), it has no connection or memory to
// spare (53300, 53200), or a transaction lost against another (40001, 40P01, 55P03).
bool is_passing(std::string_view sqlstate);

}  // namespace cdc::pq
