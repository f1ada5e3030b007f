#include "sinks/postgres/row_json.h"

#include <algorithm>
#include <utility>

#include "envelope/event_body.h"

namespace cdc::projection {
namespace {

bool listed(const ImageOptions& options, std::string_view column) {
    if (options.json_null == nullptr) return false;
    return std::ranges::any_of(*options.json_null, [&](std::string_view name) {
        return name.starts_with(options.json_null_prefix) &&
               name.substr(options.json_null_prefix.size()) == column;
    });
}

Status append_members(std::string& out, const ProjectionTable& table, std::string_view image,
                      const ImageOptions& options) {
    Result<std::vector<std::pair<std::string, std::string_view>>> members = read_members(image);
    if (!members.ok()) return members.status();
    for (const auto& [name, raw] : *members) {
        const auto column = std::ranges::find(table.columns, name, &ProjectionColumn::name);
        out += ',';
        append_json_string(out, name);
        out += ':';
        // What is listed is a document wherever it is put: a domain over json is text in a target without it.
        const bool json_null = raw == "null" && listed(options, name);
        const bool document = column != table.columns.end() && column->json_text && raw != "null";
        if (json_null || document) {
            append_json_string(out, raw);
        } else {
            out += raw;
        }
    }
    return {};
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += "\\u00";
            out += digits[static_cast<unsigned char>(c) >> 4];
            out += digits[static_cast<unsigned char>(c) & 0xF];
        } else {
            out += c;
        }
    }
    out += '"';
}

Status append_row(std::string& out, const ProjectionTable& table, const Event& event, std::string_view image,
                  const ImageOptions& options) {
    if (image.size() < 2 || image.front() != '{' || image.back() != '}') {
        return Status::fatal("malformed envelope: an image of " + table.source + " is not an object");
    }
    out += R"({"_source_id":")";
    out += options.source_id.empty() ? event.source_id : options.source_id;
    out += R"(","_seq":)";
    out += event.seq < 0 ? "null" : std::to_string(event.seq);
    if (options.origin > 0) out += ",\"_origin\":" + std::to_string(options.origin);
    const bool has_nulls = options.json_null != nullptr && !options.json_null->empty();
    const bool has_documents = std::ranges::any_of(table.columns, &ProjectionColumn::json_text);
    if (!options.json_as_string && (has_documents || has_nulls)) {
        CDC_RETURN_IF_ERROR(append_members(out, table, image, options));
        out += '}';
    } else if (image.size() == 2) {
        out += '}';
    } else {
        out += ',';
        out += image.substr(1);
    }
    return {};
}

}  // namespace cdc::projection
