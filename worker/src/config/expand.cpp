#include "config/expand.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace cdc::config {
namespace {

bool is_variable_name(std::string_view name) {
    const auto is_letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return !name.empty() && is_letter(name[0]) &&
           std::ranges::all_of(name, [&](char c) { return is_letter(c) || is_digit(c); });
}

// Adds the value of what stands between "${" and "}".
void expand_reference(std::string_view reference, const Environment& environment, Expansion& result) {
    const std::size_t colon = reference.find(":-");
    const std::string name(reference.substr(0, colon));
    if (!is_variable_name(name)) {
        result.error = "\"${" + name + "}\" is not the name of an environment variable";
        result.hint = "write $${ for a literal ${";
        return;
    }
    result.has_variable = true;
    const std::optional<std::string> value = environment(name);
    if (colon != std::string_view::npos && (!value || value->empty())) {
        result.text += reference.substr(colon + 2);
    } else if (value) {
        result.text += *value;
    } else {
        result.error = "environment variable " + name + " is not set";
        result.hint = "set it where the worker is started, or write ${" + name + ":-default}";
    }
}

}  // namespace

Environment process_environment() {
    return [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
}

Expansion expand(const std::string& text, const Environment& environment) {
    Expansion result;
    std::size_t at = 0;
    while (at < text.size()) {
        if (text.compare(at, 3, "$${") == 0) {
            result.text += "${";
            at += 3;
        } else if (text.compare(at, 2, "${") == 0) {
            const std::size_t end = text.find('}', at);
            if (end == std::string::npos) {
                result.error = "\"${\" without \"}\"";
                result.hint = "write $${ for a literal ${";
                return result;
            }
            expand_reference(std::string_view(text).substr(at + 2, end - at - 2), environment, result);
            if (!result.error.empty()) return result;
            at = end + 1;
        } else {
            result.text += text[at++];
        }
    }
    return result;
}

}  // namespace cdc::config
