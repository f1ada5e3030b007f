#include "config/section.h"

#include <algorithm>

#include "config/nearest.h"
#include "config/value_reader.h"

namespace cdc::config {
namespace {

std::string joined_path(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : path + "." + std::string(name);
}

// The way out for a key that is not in the section.
std::string unknown_key_hint(const std::string& key, const std::vector<const Option*>& known) {
    std::vector<std::string_view> names;
    for (const Option* option : known)
        names.push_back(option->name());
    if (const std::string_view near = nearest(key, names); !near.empty())
        return "did you mean \"" + std::string(near) + "\"";
    for (const Option& option : options()) {
        if (option.name() == key)
            return "it is a key of " +
                   (option.section().empty() ? "the file" : std::string(option.section()));
    }
    std::string list;
    for (const std::string_view name : names)
        list += (list.empty() ? "" : ", ") + std::string(name);
    return list.empty() ? "it takes no keys" : "known keys here: " + list;
}

}  // namespace

class SectionReader {
  public:
    SectionReader(const Environment& environment, Problems& problems)
        : environment_(environment), problems_(problems) {}

    // node: nullptr where the file has no such section.
    Section read(const YamlNode* node, const std::string& path, std::string_view table_path, Place parent) {
        YamlNode in_full;
        if (node != nullptr && spell_out(*node, table_path, in_full)) node = &in_full;
        Section section;
        section.path_ = path;
        section.given_ = node != nullptr;
        section.place_ = node == nullptr ? parent : node->place;
        const bool readable =
            node == nullptr || node->kind == YamlNode::Kind::map || node->kind == YamlNode::Kind::null;
        if (!readable)
            add(node->place, path, std::string("expected a map of keys, found ") + node->kind_name(),
                map_hint(*node, table_path));
        if (node != nullptr && node->kind != YamlNode::Kind::map) node = nullptr;
        // A section that is not in the file has no missing keys: it is itself optional, or itself missing.
        const bool complete = readable && (section.given_ || path.empty());
        const std::vector<const Option*> known = options_of(table_path);
        if (node != nullptr) refuse_unknown(*node, path, known);
        for (const Option* option : known)
            read_option(*option, node, complete, section);
        return section;
    }

  private:
    void add(Place place, const std::string& path, std::string message, std::string hint) {
        problems_.push_back({Severity::error, place, path, std::move(message), std::move(hint)});
    }

    // A single value in the place of a section that has a key it may stand for.
    static bool spell_out(const YamlNode& node, std::string_view table_path, YamlNode& in_full) {
        const Option* option = find_option(table_path);
        const bool single = node.kind == YamlNode::Kind::scalar || node.kind == YamlNode::Kind::null;
        if (!single || option == nullptr || option->stands_for.empty()) return false;
        in_full.kind = YamlNode::Kind::map;
        in_full.place = node.place;
        in_full.entries.push_back({std::string(option->stands_for), node.place, node});
        return true;
    }

    // "- stdout" is what one writes first.
    static std::string map_hint(const YamlNode& node, std::string_view table_path) {
        if (node.kind != YamlNode::Kind::scalar) return {};
        const Option* inner = find_option(std::string(table_path) + "." + node.text);
        if (inner == nullptr || inner->type != Type::section) return {};
        return "write " + node.text + ": {}";
    }

    void refuse_unknown(const YamlNode& node, const std::string& path,
                        const std::vector<const Option*>& known) {
        for (const YamlNode::Entry& entry : node.entries) {
            if (std::ranges::find(known, entry.key, &Option::name) != known.end()) continue;
            add(entry.place, path, "unknown key \"" + entry.key + "\"", unknown_key_hint(entry.key, known));
        }
    }

    // complete: every required key must be there.
    void read_option(const Option& option, const YamlNode* parent, bool complete, Section& section) {
        const std::string name(option.name());
        const std::string path = joined_path(section.path_, name);
        const YamlNode* node = parent == nullptr ? nullptr : parent->find(name);
        if (node == nullptr && option.required && complete)
            add(section.place_, path, "required key is missing", "");
        if (option.type == Type::section) {
            section.sections_[name].push_back(read(node, path, option.path, section.place_));
        } else if (option.type == Type::sections) {
            section.sections_[name] = read_list(option, node, path);
        } else {
            ValueReader reader(option, path, environment_, problems_);
            section.values_[name] = reader.read(node, section.place_);
        }
    }

    std::vector<Section> read_list(const Option& option, const YamlNode* node, const std::string& path) {
        std::vector<Section> items;
        if (node == nullptr) return items;
        if (node->kind != YamlNode::Kind::list) {
            add(node->place, path, std::string("expected a list, found ") + node->kind_name(),
                "begin each item with \"- \"");
            return items;
        }
        if (node->items.empty()) add(node->place, path, "the list is empty", "give it at least one item");
        for (const YamlNode& item : node->items)
            items.push_back(read(&item, path + "[" + std::to_string(items.size()) + "]",
                                 std::string(option.path) + "[]", item.place));
        return items;
    }

    const Environment& environment_;
    Problems& problems_;
};

const Value& Section::value(std::string_view name) const {
    return values_.at(std::string(name));
}

const Section& Section::section(std::string_view name) const {
    return sections_.at(std::string(name)).front();
}

const std::vector<Section>& Section::sections(std::string_view name) const {
    return sections_.at(std::string(name));
}

Section read_document(const YamlNode& document, const Environment& environment, Problems& problems) {
    return SectionReader(environment, problems).read(&document, "", "", {});
}

}  // namespace cdc::config
