#include "sinks/postgres/image_columns.h"

#include <algorithm>

#include "envelope/event_reader.h"
#include "envelope/member_reader.h"

namespace cdc::projection {
namespace {

bool is_name(std::string_view content, const std::string& name) {
    if (content == name) return true;
    return content.find('\\') != std::string_view::npos && unescape_json(content) == name;
}

bool lists(const ImageOptions& options, const std::string& column) {
    if (options.json_null == nullptr) return false;
    return std::ranges::any_of(*options.json_null, [&](std::string_view name) {
        return name.starts_with(options.json_null_prefix) &&
               name.substr(options.json_null_prefix.size()) == column;
    });
}

}  // namespace

// The members come in the order of the table's columns, as both follow the source's: the search goes on from
// where the last one was found.
Status ImageColumns::read(const ProjectionTable& table, const std::vector<std::size_t>& columns,
                          std::string_view image, const ImageOptions& options) {
    values_.assign(columns.size(), {});
    std::size_t next = 0;
    MemberReader member(image);
    while (member.next()) {
        for (std::size_t tried = 0; tried < columns.size(); ++tried) {
            const std::size_t at = (next + tried) % columns.size();
            const ProjectionColumn& column = table.columns[columns[at]];
            if (!is_name(member.name(), column.name)) continue;
            Value& value = values_[at];
            value.raw = member.value();
            // What is listed is a document wherever it is put: a domain over json is text in a target without
            // it.
            const bool json_null = value.raw == "null" && lists(options, column.name);
            value.null = value.raw == "null" && !json_null;
            value.document = json_null || (column.json_text && !options.json_as_string);
            next = at + 1;
            break;
        }
    }
    if (!member.failed()) return {};
    return Status::fatal("malformed envelope: an image of " + table.source + " is not an object");
}

std::optional<std::string_view> ImageColumns::text(std::size_t i) {
    const Value& value = values_[i];
    if (value.null) return std::nullopt;
    if (value.document || value.raw.front() != '"') return value.raw;
    const std::string_view content = value.raw.substr(1, value.raw.size() - 2);
    if (content.find('\\') == std::string_view::npos) return content;
    unescaped_ = unescape_json(content);
    return unescaped_;
}

}  // namespace cdc::projection
