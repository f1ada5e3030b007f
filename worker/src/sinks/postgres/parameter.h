// Parameter: one parameter of a statement, in the text or the binary format of the server's protocol, and the
// making of binary arrays. Thread: plain values and pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace cdc::projection {

struct Parameter {
    std::string bytes;
    bool binary = false;

    Parameter(std::string text) : bytes(std::move(text)) {}
    Parameter(const char* text) : bytes(text) {}
    static Parameter of_binary(std::string value) {
        Parameter made(std::move(value));
        made.binary = true;
        return made;
    }
};

// Element types of the arrays made here (pg_type.dat).
inline constexpr std::uint32_t int8_oid = 20, int4_oid = 23, text_oid = 25;

// In network order, as every length and integer of the protocol.
void append_int32(std::string& out, std::int32_t value);
void append_int64(std::string& out, std::int64_t value);
// A value with its length before it; append_null for NULL.
void append_element(std::string& out, std::string_view value);
void append_null(std::string& out);

// The head of a one-dimensional array (array_recv in arrayfuncs.c); `count` elements follow, each with its
// length. An array without elements has no dimension.
std::string array_head(std::uint32_t element_oid, std::size_t count);

// An array literal of texts, each in quotes: what array_in reads for any element type whose delimiter is a
// comma.
class ArrayLiteral {
  public:
    void append(std::string_view text);
    void append_null();
    std::string take() { return std::move(text_) + '}'; }

  private:
    std::string text_ = "{";
};

}  // namespace cdc::projection
