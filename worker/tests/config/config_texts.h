// Configuration files for tests, and how they are loaded: ${PASSWORD} is hunter2, no other variable is set.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "config/load.h"

namespace cdc::config {

inline Loaded load(const std::string& text) {
    return load_text(text, [](const std::string& name) -> std::optional<std::string> {
        if (name == "PASSWORD") return "hunter2";
        return std::nullopt;
    });
}

// The one problem of a file, as it is printed for "f".
inline std::string refused(const std::string& text) {
    const Loaded loaded = load(text);
    EXPECT_FALSE(loaded.config) << text;
    EXPECT_EQ(loaded.problems.size(), 1u) << loaded.to_string("f");
    return loaded.to_string("f");
}

inline std::string pipeline(const std::string& name, const std::string& dsn, const std::string& more = "",
                            const std::string& sinks = "stdout: {}") {
    return "  - name: " + name + "\n    source: {dsn: \"" + dsn + "\"" + more + "}\n    sinks:\n      - " +
           sinks + "\n";
}

inline const std::string minimal = "pipelines:\n" + pipeline("booking", "dbname=shop");

// `minimal` with keys added to its pipeline, from line 6 on.
inline std::string with(const std::string& lines) {
    return minimal + "    " + lines + "\n";
}
// … to its source, in line 3.
inline std::string with_source(const std::string& keys) {
    return "pipelines:\n" + pipeline("booking", "dbname=shop", ", " + keys);
}
// … with one sink, in line 5.
inline std::string with_sink(const std::string& sink) {
    return "pipelines:\n" + pipeline("booking", "dbname=shop", "", sink);
}

}  // namespace cdc::config
