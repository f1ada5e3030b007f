#include "sinks/postgres/parameter.h"

#include <endian.h>

#include <cstring>

namespace cdc::projection {

void append_int32(std::string& out, std::int32_t value) {
    const std::uint32_t network = htobe32(static_cast<std::uint32_t>(value));
    out.append(reinterpret_cast<const char*>(&network), sizeof network);
}

void append_int64(std::string& out, std::int64_t value) {
    const std::uint64_t network = htobe64(static_cast<std::uint64_t>(value));
    out.append(reinterpret_cast<const char*>(&network), sizeof network);
}

void append_element(std::string& out, std::string_view value) {
    append_int32(out, static_cast<std::int32_t>(value.size()));
    out += value;
}

void append_null(std::string& out) {
    append_int32(out, -1);
}

std::string array_head(std::uint32_t element_oid, std::size_t count) {
    std::string head;
    append_int32(head, count == 0 ? 0 : 1);
    append_int32(head, 1);  // there may be nulls: array_recv looks for itself
    append_int32(head, static_cast<std::int32_t>(element_oid));
    if (count == 0) return head;
    append_int32(head, static_cast<std::int32_t>(count));
    append_int32(head, 1);
    return head;
}

void ArrayLiteral::append(std::string_view text) {
    if (text_.size() > 1) text_ += ',';
    text_ += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') text_ += '\\';
        text_ += c;
    }
    text_ += '"';
}

void ArrayLiteral::append_null() {
    text_ += text_.size() > 1 ? ",NULL" : "NULL";
}

}  // namespace cdc::projection
