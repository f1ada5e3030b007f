#include "config/value_reader.h"

#include <algorithm>

#include "config/nearest.h"
#include "config/quantity.h"

namespace cdc::config {
namespace {

std::string joined(const std::vector<std::string_view>& words) {
    std::string list;
    for (const std::string_view word : words)
        list += (list.empty() ? "" : ", ") + std::string(word);
    return list;
}

std::string quoted(const std::string& text) {
    return "\"" + text + "\"";
}

}  // namespace

void ValueReader::add(Place place, const std::string& path, std::string message, std::string hint) {
    problems_.push_back({Severity::error, place, path, std::move(message), std::move(hint)});
}

Value ValueReader::read(const YamlNode* node, Place section) {
    Value value;
    value.path = path_;
    value.given = node != nullptr;
    value.place = node == nullptr ? section : node->place;
    value.valid = node == nullptr ? !option_.required : read_given(*node, value);
    if (value.valid && node != nullptr) return value;
    value.text = {std::string(option_.default_text), std::string(option_.default_text), value.place};
    value.list.clear();
    value.map.clear();
    if (!option_.default_text.empty()) convert(value);
    return value;
}

bool ValueReader::read_given(const YamlNode& node, Value& value) {
    if (node.kind == YamlNode::Kind::null) {
        add(node.place, path_, "the key has no value", "give it one, or remove the key");
        return false;
    }
    if (option_.type == Type::list) return read_list(node, value);
    if (option_.type == Type::map) return read_map(node, value);
    if (!read_text(node, path_, value.text)) return false;
    if (option_.required && value.text.value.empty()) {
        add(node.place, path_, "the value is empty", "");
        return false;
    }
    return convert(value);
}

bool ValueReader::expect(const YamlNode& node, YamlNode::Kind kind, const std::string& path,
                         const char* expected) {
    if (node.kind == kind) return true;
    std::string hint;
    if (kind == YamlNode::Kind::list && node.kind == YamlNode::Kind::scalar) hint = "put it in brackets: [ ]";
    if (kind == YamlNode::Kind::scalar && node.kind == YamlNode::Kind::map)
        hint = "a text with braces or \": \" in it must be quoted";
    add(node.place, path, std::string("expected ") + expected + ", found " + node.kind_name(), hint);
    return false;
}

bool ValueReader::read_text(const YamlNode& node, const std::string& path, Text& text) {
    if (!expect(node, YamlNode::Kind::scalar, path, "a single value")) return false;
    Expansion expansion = expand(node.text, environment_);
    if (!expansion.error.empty()) {
        add(node.place, path, expansion.error, expansion.hint);
        return false;
    }
    if (expansion.text.find('\0') != std::string::npos) {
        add(node.place, path, "the value holds a NUL character", "");
        return false;
    }
    text = {std::move(expansion.text), node.text, node.place};
    return true;
}

bool ValueReader::read_list(const YamlNode& node, Value& value) {
    if (!expect(node, YamlNode::Kind::list, path_, "a list")) return false;
    bool good = true;
    for (const YamlNode& item : node.items) {
        const std::string path = path_ + "[" + std::to_string(value.list.size()) + "]";
        good = read_text(item, path, value.list.emplace_back()) && good;
    }
    return good;
}

bool ValueReader::read_map(const YamlNode& node, Value& value) {
    if (!expect(node, YamlNode::Kind::map, path_, "a map")) return false;
    bool good = true;
    for (const YamlNode::Entry& entry : node.entries) {
        auto& [key, text] = value.map.emplace_back(entry.key, Text{});
        good = read_text(entry.value, path_ + "." + key, text) && good;
    }
    return good;
}

bool ValueReader::convert(Value& value) {
    switch (option_.type) {
        case Type::boolean:
            return convert_boolean(value);
        case Type::choice:
            return convert_choice(value);
        case Type::number:
        case Type::bytes:
        case Type::duration:
            return convert_quantity(value);
        default:
            return true;
    }
}

bool ValueReader::convert_boolean(Value& value) {
    const std::string& word = value.text.value;
    value.boolean = word == "true" || word == "on" || word == "yes";
    if (value.boolean || word == "false" || word == "off" || word == "no") return true;
    add(value.place, path_, quoted(value.text.raw) + " is neither true nor false", "");
    return false;
}

bool ValueReader::convert_choice(Value& value) {
    if (std::ranges::find(option_.words, value.text.value) != option_.words.end()) return true;
    const std::string_view near = nearest(value.text.value, option_.words);
    add(value.place, path_, quoted(value.text.raw) + " is not one of: " + joined(option_.words),
        near.empty() ? "" : "did you mean \"" + std::string(near) + "\"");
    return false;
}

bool ValueReader::convert_quantity(Value& value) {
    const std::string& text = value.text.value;
    const Quantity quantity = option_.type == Type::bytes      ? parse_bytes(text)
                              : option_.type == Type::duration ? parse_duration(text)
                                                               : parse_number(text);
    if (!quantity.error.empty()) {
        add(value.place, path_, quoted(value.text.raw) + " " + quantity.error, quantity.hint);
        return false;
    }
    const auto shown = [&](std::uint64_t number) {
        return option_.type == Type::bytes      ? format_bytes(number)
               : option_.type == Type::duration ? format_duration(number)
                                                : std::to_string(number);
    };
    value.number = quantity.value;
    if (quantity.value < option_.minimum) {
        add(value.place, path_, quoted(value.text.raw) + " is too small",
            "at least " + shown(option_.minimum));
        return false;
    }
    if (option_.maximum != 0 && quantity.value > option_.maximum) {
        add(value.place, path_, quoted(value.text.raw) + " is too large",
            "at most " + shown(option_.maximum));
        return false;
    }
    return true;
}

}  // namespace cdc::config
