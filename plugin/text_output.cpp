#include "text_output.h"

#include <type_traits>

namespace cdc {

static_assert(std::is_trivially_destructible_v<Segment>, "longjmp runs no destructor");

const char kTwoDigits[201] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

namespace {

// The two hex digits of each byte, side by side.
struct HexTable {
    char digits[512];

    constexpr HexTable() : digits{} {
        constexpr char hex[] = "0123456789abcdef";
        for (int i = 0; i < 256; ++i) {
            digits[2 * i] = hex[i >> 4];
            digits[2 * i + 1] = hex[i & 15];
        }
    }
};
constexpr HexTable kHex;

}  // namespace

Segment make_segment(StringInfoData* text) {
    const int blocks = text->len / Segment::kBlock + 1;  // one byte more at least: the NUL
    auto* copy = static_cast<char*>(palloc0(static_cast<Size>(blocks) * Segment::kBlock));
    memcpy(copy, text->data, static_cast<size_t>(text->len));
    pfree(text->data);
    return {copy, text->len};
}

char* put_hex(char* to, const void* bytes, size_t len) {
    const auto* in = static_cast<const unsigned char*>(bytes);
    for (size_t i = 0; i < len; ++i) {
        memcpy(to, kHex.digits + 2 * in[i], 2);
        to += 2;
    }
    return to;
}

}  // namespace cdc
