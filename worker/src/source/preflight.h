// Preflight: what `cdc-worker check` says about a source, before anything is created: each finding with the
// line (SQL, or of a configuration file) that mends it. Reads only (but for a temporary slot, given up at
// once, where the role may not see which plugins the server allows). Owner: nobody. Thread: one connection
// per call. Failure: an unreachable server is itself a finding, as is a query that is refused.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace cdc::source {

enum class Severity {
    ok,       // stands as it should (or is worth knowing)
    warning,  // works, and will hurt some day
    error,    // the pipeline can't run, or would lose something
};

struct Finding {
    Severity severity = Severity::ok;
    std::string what;
    std::string mend;  // empty where nothing is to be done
};

std::vector<Finding> check_source(const config::Source& source, const config::Snapshot& snapshot);

}  // namespace cdc::source
