#include "source/table_filter.h"

#include <algorithm>
#include <string_view>

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

// The parts of a dotted name, without their quotes.
std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts(1);
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool doubled = quoted && text.substr(i, 2) == "\"\"";
        if (text[i] == '"' && !doubled) {
            quoted = !quoted;
        } else if (text[i] == '.' && !quoted) {
            parts.emplace_back();
        } else {
            parts.back() += text[i];
            if (doubled) ++i;
        }
    }
    return parts;
}

}  // namespace

TableFilter::TableFilter(const config::Source& source)
    : include_(parse(source.include_tables)), exclude_(parse(source.exclude_tables)) {
    // Were every pattern malformed, an empty list would let everything through.
    if (include_.empty() && !source.include_tables.empty()) include_.push_back({});
}

std::vector<TableFilter::Pattern> TableFilter::parse(const std::vector<std::string>& texts) {
    std::vector<Pattern> patterns;
    for (const std::string& text : texts) {
        std::vector<std::string> parts = split(text);
        if (parts.size() == 2) patterns.push_back({std::move(parts[0]), std::move(parts[1])});
    }
    return patterns;
}

bool TableFilter::any_matches(const std::vector<Pattern>& patterns, const std::vector<TableName>& names) {
    return std::ranges::any_of(patterns, [&](const Pattern& pattern) {
        return std::ranges::any_of(names, [&](const TableName& name) {
            return matches(pattern.schema, name.schema) && matches(pattern.table, name.table);
        });
    });
}

bool TableFilter::captures(const std::vector<TableName>& names) const {
    const std::string& schema = names.front().schema;
    if (schema.starts_with("pg_") || schema == "information_schema" || schema == "cdc_envelope") return false;
    return (include_.empty() || any_matches(include_, names)) && !any_matches(exclude_, names);
}

bool TableFilter::captures(const std::string& schema, const std::string& table) const {
    return captures(std::vector<TableName>{{schema, table}});
}

}  // namespace cdc::source
