#include "source/copy_binary.h"

#include <cstdint>

namespace cdc::source {
namespace {

constexpr std::string_view signature{"PGCOPY\n\377\r\n\0", 11};
constexpr std::size_t header_bytes = signature.size() + 4 + 4;  // flags, length of the extension

std::uint32_t u32(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

std::int16_t i16(std::string_view bytes) {
    return static_cast<std::int16_t>(static_cast<unsigned char>(bytes[0]) << 8 |
                                     static_cast<unsigned char>(bytes[1]));
}

}  // namespace

void CopyBinaryReader::feed(std::string_view message) {
    if (kept_.empty()) {
        unread_ = message;
    } else {
        kept_.append(message);
        unread_ = kept_;
    }
}

// unread_ may be a view into kept_.
void CopyBinaryReader::keep_rest() {
    kept_ = std::string(unread_);
    unread_ = {};
}

Result<bool> CopyBinaryReader::read_header() {
    if (header_read_) return true;
    if (unread_.size() < header_bytes) return false;
    if (!unread_.starts_with(signature)) {
        return Status::fatal("the snapshot's COPY does not begin with the signature of the binary format");
    }
    if (u32(unread_, signature.size()) != 0) {
        return Status::fatal("the snapshot's COPY has flags that are not known");
    }
    const std::size_t length = header_bytes + u32(unread_, signature.size() + 4);
    if (unread_.size() < length) return false;
    unread_.remove_prefix(length);
    header_read_ = true;
    return true;
}

Result<std::optional<std::string_view>> CopyBinaryReader::next() {
    using Row = std::optional<std::string_view>;
    constexpr std::size_t row_head = 2 + 4;  // number of columns, length of the only one
    auto header = read_header();
    CDC_RETURN_IF_ERROR(header.status());
    if (!*header || trailer_read_ || unread_.size() < 2) {
        keep_rest();
        return Row{};
    }
    if (const std::int16_t columns = i16(unread_); columns == -1) {
        trailer_read_ = true;
        unread_.remove_prefix(2);
        keep_rest();
        return Row{};
    } else if (columns != 1) {
        return Status::fatal("the snapshot's COPY has a row of " + std::to_string(columns) + " columns");
    }
    if (unread_.size() < row_head) {
        keep_rest();
        return Row{};
    }
    const std::uint32_t length = u32(unread_, 2);
    if (length > INT32_MAX) return Status::fatal("the snapshot's COPY has a row that is NULL");
    if (unread_.size() - row_head < length) {
        keep_rest();
        return Row{};
    }
    const std::string_view value = unread_.substr(row_head, length);
    unread_.remove_prefix(row_head + length);
    return Row{value};
}

Status CopyBinaryReader::finish() const {
    if (trailer_read_ && unread_.empty() && kept_.empty()) return {};
    return Status::fatal("the snapshot's COPY ended " +
                         std::string(trailer_read_ ? "after bytes that follow its trailer" : "early"));
}

}  // namespace cdc::source
