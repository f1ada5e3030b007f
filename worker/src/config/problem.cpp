#include "config/problem.h"

#include <algorithm>

namespace cdc::config {

std::string Problem::to_string(const std::string& file) const {
    std::string text = file;
    if (place.line > 0) text += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
    text += severity == Severity::warning ? ": warning: " : ": ";
    if (!path.empty()) text += path + ": ";
    text += message;
    if (!hint.empty()) text += " (hint: " + hint + ")";
    return text;
}

bool has_errors(const Problems& problems) {
    return std::ranges::any_of(problems,
                               [](const Problem& problem) { return problem.severity == Severity::error; });
}

}  // namespace cdc::config
