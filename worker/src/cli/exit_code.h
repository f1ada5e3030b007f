// Exit codes of cdc-worker (cdc-worker.1, EXIT STATUS). Thread: constants.
#pragma once

namespace cdc::cli {

enum ExitCode : int {
    exit_ok = 0,          // done; run: stopped by a signal
    exit_failure = 1,     // a pipeline has stopped for a reason that needs a person
    exit_usage = 2,       // wrong arguments or a wrong configuration; nothing was started
    exit_findings = 3,    // check: at least one finding is an error
    exit_signalled = 128  // a second signal: 128 + its number, at once and without a flush
};

}  // namespace cdc::cli
