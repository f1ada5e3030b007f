#include "input.h"

#include <algorithm>
#include <cstdio>

#include "postgres_api.h"

namespace fuzz {

namespace {

// Bytes of the character that a UTF-8 text begins with; 0 where these are none (Unicode 15, table 3-7). NUL
// is none to PostgreSQL.
size_t utf8_character(std::string_view s) {
    const auto byte = [&](size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u; };
    const auto follows = [&](size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xBF; };
    const unsigned first = byte(0);
    const unsigned second = byte(1);
    if (first < 0x80) return first == 0 ? 0 : 1;
    if (first < 0xC2 || first > 0xF4 || !follows(1)) return 0;
    if (first < 0xE0) return 2;
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) || !follows(2)) return 0;
    if (first < 0xF0) return 3;
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) || !follows(3)) return 0;
    return 4;
}

}  // namespace

std::string expected_utf8(std::string_view text) {
    std::string expected;
    while (!text.empty()) {
        const auto byte = static_cast<unsigned char>(text[0]);
        size_t taken = byte < 0x80 ? 1 : utf8_character(text);
        if (byte >= 0x80 && GetDatabaseEncoding() == PG_LATIN1) {
            expected += static_cast<char>(0xC0 | byte >> 6);
            expected += static_cast<char>(0x80 | (byte & 0x3F));
            taken = 1;
        } else if (taken == 0) {
            char hex[8];
            snprintf(hex, sizeof(hex), "\\x%02x", byte);
            expected += hex;
            taken = 1;
        } else {
            expected += text.substr(0, taken);
        }
        text.remove_prefix(taken);
    }
    return expected;
}

const char* exact_copy(std::string_view text) {
    auto* copy = static_cast<char*>(palloc(text.size()));
    return static_cast<const char*>(memcpy(copy, text.data(), text.size()));
}

const char* text(std::string_view text) {
    return pstrdup(std::string(text).c_str());
}

unsigned Input::number(int bytes) {
    unsigned value = 0;
    for (; bytes > 0 && !rest_.empty(); --bytes) {
        value = value << 8 | static_cast<unsigned char>(rest_[0]);
        rest_.remove_prefix(1);
    }
    return value;
}

std::string_view Input::until(char separator) {
    const size_t end = std::min(rest_.find(separator), rest_.size());
    const std::string_view part = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return part;
}

}  // namespace fuzz
