#include "pq/sqlstate.h"

#include <algorithm>
#include <array>

namespace cdc::pq {

bool is_passing(std::string_view sqlstate) {
    static constexpr std::array<std::string_view, 8> passing = {
        "57P01",  // admin_shutdown
        "57P02",  // crash_shutdown
        "57P03",  // cannot_connect_now
        "53300",  // too_many_connections
        "53200",  // out_of_memory
        "40001",  // serialization_failure
        "40P01",  // deadlock_detected
        "55P03",  // lock_not_available (lock_timeout)
    };
    return sqlstate.starts_with("08") || std::ranges::find(passing, sqlstate) != passing.end();
}

}  // namespace cdc::pq
