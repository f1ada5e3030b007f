#include "source/table_filter.h"

#include <algorithm>

namespace cdc::source {
namespace {

// '*' stands for any run of characters; everything else for itself. Greedy with one point to return to, so
// linear in practice and never exponential.
bool matches(std::string_view pattern, std::string_view text) {
    std::size_t p = 0, t = 0;
    std::size_t star = std::string_view::npos, resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p, ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool matches_any(const std::vector<std::string>& patterns, const std::string& name) {
    return std::ranges::any_of(patterns, [&](const std::string& pattern) { return matches(pattern, name); });
}

}  // namespace

bool TableFilter::captures(std::string_view schema, std::string_view table) const {
    if (schema.starts_with("pg_") || schema == "information_schema" || schema == "cdc_envelope") return false;
    std::string name(schema);
    name.append(".").append(table);
    return (include_.empty() || matches_any(include_, name)) && !matches_any(exclude_, name);
}

}  // namespace cdc::source
