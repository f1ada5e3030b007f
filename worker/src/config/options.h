// The option table: every key of the configuration file, once: its type, default, bounds and description.
// What is accepted (section.cpp), docs/configuration.md (markdown.cpp) and the example file (checked by a
// test) come from it. Owner: static data. Thread: read-only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cdc::config {

enum class Type {
    section,   // a map of further keys
    sections,  // a list of such maps
    text,
    boolean,
    number,  // a whole number
    bytes,
    duration,  // milliseconds
    choice,    // one of the words
    list,      // of texts
    map,       // of texts, its keys free
};

struct Option {
    // "pipelines[].source.slot": [] stands for an item of a list of sections.
    std::string_view path;
    Type type;
    bool required = false;
    bool secret = false;                 // may hold a secret: is never shown
    std::string_view default_text = {};  // as it is written in the file; empty: nothing
    std::string_view default_note = {};  // for the documentation, where the default depends on something else
    std::vector<std::string_view> words = {};  // of a choice
    std::uint64_t minimum = 0;                 // of numbers, bytes and durations
    std::uint64_t maximum = 0;                 // 0: none
    // Of a section: the key that is meant where a single value stands in the section's place.
    std::string_view stands_for = {};
    std::string_view description;

    // The last word of the path.
    std::string_view name() const;
    // The section it stands in: "pipelines[].source" of "pipelines[].source.slot"; empty at the top.
    std::string_view section() const;
};

// Those of the kinds of sinks (options_of_sinks.cpp), the last part of the table.
std::vector<Option> sink_options();

// In the order of the documentation.
std::span<const Option> options();
// nullptr where there is no such option.
const Option* find_option(std::string_view path);
// Those of one section, in order.
std::vector<const Option*> options_of(std::string_view section);

// The reference as Markdown: docs/configuration.md, printed by `cdc-worker config --markdown`.
std::string options_markdown();

}  // namespace cdc::config
