// Failpoints: named places at which a test makes this process die, freeze or fail, so that a crash at exactly
// that place can be shown to lose nothing. The environment says which, and nothing else does:
//
//   CDC_FAILPOINT=name[@n]:action[,…]    action: kill (SIGKILL), freeze (SIGSTOP), fail (a retry)
//
// @n: at its nth passing and never again; without it at each. Always compiled in, so that what is tested is
// what runs: where the variable is not set, passing one costs a load and a branch. A malformed value ends the
// process with exit code 2 at the first failpoint: a test whose crash never happens would prove nothing.
// Thread: any. Failure: as asked for.
#pragma once

#include <string_view>

#include "base/status.h"

namespace cdc {

// Passes the place called name. Not ok only where `fail` is asked for here.
Status failpoint(std::string_view name);

}  // namespace cdc
