// Expansion of environment variables in the configuration's values: ${NAME}, ${NAME:-default}, and $${ for a
// literal ${. It happens after YAML has been read, so that a variable can't add keys. Thread: pure functions.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace cdc::config {

// The value of a variable, nothing where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// The process's own (getenv).
Environment process_environment();

struct Expansion {
    std::string text;
    std::string error;  // why there is no text; names the variable, never a value; empty: all went well
    std::string hint;
    bool has_variable = false;  // text came from the environment, in part or whole
};

// As with a shell, ${NAME:-default} gives the default also where the variable is set and empty. A default
// can't hold "}". A lone $ stands for itself.
Expansion expand(const std::string& text, const Environment& environment);

}  // namespace cdc::config
