// Load: the configuration file, from its path to a Config that can be used, or to everything that is wrong
// with it. Thread: pure, but for reading the file and the environment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/expand.h"
#include "config/problem.h"

namespace cdc::config {

struct Loaded {
    std::optional<Config> config;  // there where no problem is an error
    Problems problems;             // warnings as well; in the order of the file

    // One line a problem: "worker.yaml:12:7: …".
    std::string to_string(const std::string& file) const;
};

// Reads a file; an unreadable one is a problem with line 0. Warns where others can read a file that holds a
// secret.
Loaded load_file(const std::string& file, const Environment& environment = process_environment());
// The same for a text.
Loaded load_text(const std::string& text, const Environment& environment = process_environment());

// Keeps the pipelines of these names (`--pipeline`); with none given keeps all. The problem names one that is
// not there.
std::optional<Problem> select_pipelines(Config& config, const std::vector<std::string>& names);

}  // namespace cdc::config
