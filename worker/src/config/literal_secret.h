// Literal secrets: passwords that stand in the file itself instead of coming from the environment. Thread:
// pure function.
#pragma once

#include "config/section.h"

namespace cdc::config {

// Adds a warning for each secret that is written out in a file which every user of the machine can read.
void warn_of_literal_secrets(const Section& document, Problems& problems);

}  // namespace cdc::config
