// Section: a map of the file, read against the option table: every value typed, bounded and with its place;
// defaults filled in, unknown keys refused. What a single key can tell is judged here; what takes the meaning
// of a value (names, patterns) in bind.cpp. Owner: the loader, which outlives it. Thread: plain values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/expand.h"
#include "config/options.h"
#include "config/problem.h"
#include "config/yaml_tree.h"

namespace cdc::config {

// A text after expansion of environment variables.
struct Text {
    std::string value;
    std::string raw;  // as it stands in the file: this is what a message may quote, never value
    Place place;
};

// The value of one key; which member holds is said by the option's type.
struct Value {
    std::string path;  // "pipelines[0].source.dsn"
    Place place;       // of the value, or of the section where the key is not given
    bool given = false;
    bool valid = true;  // false: a problem has been added, the members hold the default or nothing
    Text text;          // text, choice
    bool boolean = false;
    std::uint64_t number = 0;  // bytes, duration (milliseconds)
    std::vector<Text> list;
    std::vector<std::pair<std::string, Text>> map;
};

class Section {
  public:
    // Of an option of this section in the table; a name that is not there is a bug (std::out_of_range).
    const Value& value(std::string_view name) const;
    const Section& section(std::string_view name) const;
    const std::vector<Section>& sections(std::string_view name) const;

    // Whether the file has it.
    bool given() const { return given_; }
    const std::string& path() const { return path_; }
    Place place() const { return place_; }

  private:
    friend class SectionReader;
    bool given_ = false;
    std::string path_;
    Place place_;
    std::map<std::string, Value, std::less<>> values_;
    std::map<std::string, std::vector<Section>, std::less<>> sections_;
};

// The whole document, which is the table's top section. Adds what is wrong to problems.
Section read_document(const YamlNode& document, const Environment& environment, Problems& problems);

}  // namespace cdc::config
