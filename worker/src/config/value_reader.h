// ValueReader: one value of the file by its option's type and bounds. Owner: section.cpp, for the time of one
// read. Thread: one.
#pragma once

#include <string>
#include <vector>

#include "config/section.h"

namespace cdc::config {

class ValueReader {
  public:
    // Problems go under path. All references outlive the reader.
    ValueReader(const Option& option, std::string path, const Environment& environment, Problems& problems)
        : option_(option), path_(std::move(path)), environment_(environment), problems_(problems) {}

    // node: nullptr where the key is not given: the default, which stands at `section`.
    Value read(const YamlNode* node, Place section);

  private:
    void add(Place place, const std::string& path, std::string message, std::string hint);
    // Nothing was expected but what is there: adds a problem.
    bool expect(const YamlNode& node, YamlNode::Kind kind, const std::string& path, const char* expected);
    bool read_text(const YamlNode& node, const std::string& path, Text& text);
    bool read_list(const YamlNode& node, Value& value);
    bool read_map(const YamlNode& node, Value& value);
    bool read_given(const YamlNode& node, Value& value);
    // From value.text into the member of the option's type.
    bool convert(Value& value);
    bool convert_boolean(Value& value);
    bool convert_choice(Value& value);
    bool convert_quantity(Value& value);

    const Option& option_;
    const std::string path_;
    const Environment& environment_;
    Problems& problems_;
};

}  // namespace cdc::config
