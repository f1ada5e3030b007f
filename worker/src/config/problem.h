// Problem: one thing that is wrong in a configuration file, with its place and the way out.
// Owner: whoever loads the file. Thread: plain values.
#pragma once

#include <string>
#include <vector>

namespace cdc::config {

// A place in the file, counted from 1; line 0: the file as a whole.
struct Place {
    int line = 0;
    int column = 0;
};

enum class Severity { warning, error };

struct Problem {
    Severity severity = Severity::error;
    Place place;
    std::string path;     // of the key: "pipelines[0].source.dsn"; empty for the file as a whole
    std::string message;  // lower case, no period, never a secret
    std::string hint;     // the way out; may be empty

    // "worker.yaml:12:7: pipelines[0].source.dsn: required key is missing (hint: …)"; a warning says so after
    // the place.
    std::string to_string(const std::string& file) const;
};

using Problems = std::vector<Problem>;

bool has_errors(const Problems& problems);

}  // namespace cdc::config
