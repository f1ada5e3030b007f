#include "sinks/postgres/copy_rows.h"

#include <cstdint>
#include <cstring>
#include <numeric>
#include <optional>

#include "envelope/event_reader.h"

namespace cdc::projection {
namespace {

constexpr std::string_view null_value = "\\N";

// The character that stands behind a backslash for c; 0 where c stands for itself.
constexpr char escaped(char c) {
    switch (c) {
        case '\\':
            return '\\';
        case '\t':
            return 't';
        case '\n':
            return 'n';
        case '\r':
            return 'r';
        default:
            return 0;
    }
}

// Whether one of eight bytes is below a space or a backslash: the tests for a byte that is less than n or
// zero, on all of them at once (Henry S. Warren, "Hacker's Delight", 6-1).
bool may_need_escape(const char* bytes) {
    constexpr std::uint64_t each = 0x0101010101010101;
    constexpr std::uint64_t high = each * 0x80;
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof(word));
    const std::uint64_t control = (word - each * 0x20) & ~word;
    const std::uint64_t other = word ^ (each * '\\');
    return ((control | ((other - each) & ~other)) & high) != 0;
}

// The content of a JSON string.
void append_json_content(std::string& out, std::string_view content) {
    if (content.find('\\') == std::string_view::npos) {
        append_copy_text(out, content);
    } else {
        append_copy_text(out, unescape_json(content));
    }
}

void append_or_null(std::string& out, std::optional<std::string_view> text) {
    if (text) {
        append_copy_text(out, *text);
    } else {
        out += null_value;
    }
}

}  // namespace

void append_copy_text(std::string& out, std::string_view text) {
    std::size_t written = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        while (text.size() - at >= sizeof(std::uint64_t) && !may_need_escape(text.data() + at))
            at += sizeof(std::uint64_t);
        if (at == text.size()) break;
        if (text[at] != '\\' && static_cast<unsigned char>(text[at]) >= 0x20) continue;
        const char code = escaped(text[at]);
        if (code == 0) continue;
        out.append(text, written, at - written);
        out += '\\';
        out += code;
        written = at + 1;
    }
    out.append(text, written);
}

CopyRows::CopyRows(const ProjectionTable& table, bool with_origin)
    : table_(&table), with_origin_(with_origin), columns_(table.columns.size()) {
    std::iota(columns_.begin(), columns_.end(), std::size_t{0});
}

// The columns of the table, then envelope_columns in their order, or the first of them alone.
Status CopyRows::append(std::string_view image, const Event& event, std::string_view evidence_id,
                        const ImageOptions& options) {
    CDC_RETURN_IF_ERROR(image_.read(*table_, columns_, image, options));
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        append_or_null(lines_, image_.text(i));
        lines_ += '\t';
    }
    append_copy_text(lines_, options.source_id.empty() ? event.source_id : options.source_id);
    if (with_origin_) {
        lines_ += '\t';
        append_json_content(lines_, evidence_id);
        append_origin(event);
    } else {
        lines_ += '\n';
    }
    ++rows_;
    return {};
}

// What a snapshot's rows have in common, mostly: it is written anew where one differs from the row before.
void CopyRows::append_origin(const Event& event) {
    const Origin origin{event.commit_lsn, event.seq, event.schema_version};
    if (origin_text_.empty() || origin != origin_ || event.ts_source != ts_source_) {
        origin_ = origin;
        ts_source_ = event.ts_source;
        origin_text_ = "\t" + event.commit_lsn.to_string() + '\t';
        origin_text_ += event.seq < 0 ? std::string(null_value) : std::to_string(event.seq);
        origin_text_ += '\t' + std::to_string(event.schema_version) + '\t';
        append_or_null(origin_text_, event.ts_source.empty() ? std::nullopt : std::optional(event.ts_source));
        origin_text_ += "\tf\n";
    }
    lines_ += origin_text_;
}

std::string CopyRows::take() {
    rows_ = 0;
    return std::exchange(lines_, {});
}

}  // namespace cdc::projection
