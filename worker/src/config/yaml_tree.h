// YamlTree: a YAML document as a tree that knows where everything stands. Own, because yaml-cpp's nodes
// forget the place of a key, let duplicate keys pass and let aliases grow without bound. Owner: the caller.
// Thread: plain values; parse_yaml is a pure function.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/problem.h"

namespace cdc::config {

struct YamlNode {
    enum class Kind { null, scalar, list, map };
    struct Entry;

    Kind kind = Kind::null;
    Place place;
    std::string text;             // of a scalar
    std::vector<YamlNode> items;  // of a list
    std::vector<Entry> entries;   // of a map, in the file's order, no key twice

    // The value of a map's key; nullptr without one. Valid as long as the map.
    const YamlNode* find(const std::string& key) const;
    // "a map", "a list", "a single value", "nothing".
    const char* kind_name() const;
};

struct YamlNode::Entry {
    std::string key;
    Place place;  // of the key
    YamlNode value;
};

// The bounds of a file: past them it is refused, not read in part.
constexpr std::size_t max_file_bytes = std::size_t{1} << 20;
constexpr int max_depth = 32;
constexpr std::size_t max_nodes = 100'000;  // after aliases are expanded

// The one document of the text. Aliases are expanded, "<<" merges maps (YAML's merge key: what is written out
// wins over what is merged). Broken YAML, a duplicate key and a passed bound are added to problems; after
// broken YAML the tree is null.
YamlNode parse_yaml(const std::string& text, Problems& problems);

}  // namespace cdc::config
