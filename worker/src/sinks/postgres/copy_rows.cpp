#include "sinks/postgres/copy_rows.h"

#include <numeric>
#include <optional>

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

CopyRows::CopyRows(const ProjectionTable& table) : table_(&table), columns_(table.columns.size()) {
    std::iota(columns_.begin(), columns_.end(), std::size_t{0});
}

// The columns of the table, then envelope_columns in their order.
Status CopyRows::append(std::string_view image, const Event& event, std::string_view evidence_id,
                        const ImageOptions& options) {
    CDC_RETURN_IF_ERROR(image_.read(*table_, columns_, image, options));
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        append_or_null(lines_, image_.text(i));
        lines_ += '\t';
    }
    append_copy_text(lines_, options.source_id.empty() ? event.source_id : options.source_id);
    lines_ += '\t';
    append_copy_text(lines_, evidence_id);
    lines_ += '\t';
    lines_ += event.commit_lsn.to_string();
    lines_ += '\t';
    lines_ += event.seq < 0 ? std::string(null_value) : std::to_string(event.seq);
    lines_ += '\t';
    lines_ += std::to_string(event.schema_version);
    lines_ += '\t';
    append_or_null(lines_, event.ts_source.empty() ? std::nullopt : std::optional(event.ts_source));
    lines_ += "\tf\n";
    ++rows_;
    return {};
}

std::string CopyRows::take() {
    rows_ = 0;
    return std::exchange(lines_, {});
}

}  // namespace cdc::projection
