// Bind: from the typed sections of the file to the structs of config.h, judging on the way what each value
// means (rules.h) and what belongs together. Thread: pure functions.
#pragma once

#include "config/config.h"
#include "config/section.h"

namespace cdc::config {

// What is wrong is added to problems; the result is meant to be used only where nothing is.
Config bind_config(const Section& document, Problems& problems);

// What only shows over several pipelines and sinks: names, slots and projections given twice.
void check_across(const Section& document, const Config& config, Problems& problems);

}  // namespace cdc::config
