// `cdc-worker snapshot …`: a person's requests to read tables beside the stream, as rows of
// cdc_envelope.snapshot_signal in the source. Owner: main. Thread: one. Failure: said on standard error; the
// exit code.
#pragma once

#include "cli/cli.h"
#include "config/config.h"

namespace cdc {

int snapshot_command(const cli::Command& command, const config::Config& config);

}  // namespace cdc
