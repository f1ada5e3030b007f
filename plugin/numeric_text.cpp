// The format on disk is numeric.c's (NumericData), private there but as fixed as every table's files are: a
// header word, in the long form a word for the weight, then digits of base 10,000, the first of which counts
// 10,000 ^ weight. Leading and trailing zero digits are not stored.
#include "numeric_text.h"

#include <type_traits>

#include "text_output.h"

namespace cdc {

namespace {

constexpr int kDecimalDigits = 4;  // of a stored digit

constexpr uint16 kSpecial = 0xC000;  // both of these bits: no number
constexpr uint16 kShort = 0x8000;    // otherwise: sign, scale and weight are all in the header word

struct StoredNumeric {
    const char* digits;  // int16 each, not aligned where the datum is packed
    int digit_count;
    int weight;
    int scale;  // decimal digits after the point
    bool negative;

    uint32 digit(int at) const {
        if (at < 0 || at >= digit_count) return 0;
        int16 digit;
        memcpy(&digit, digits + static_cast<size_t>(at) * sizeof(digit), sizeof(digit));
        return static_cast<uint32>(digit);
    }
};

static_assert(std::is_trivially_destructible_v<StoredNumeric>, "longjmp runs no destructor");

StoredNumeric read_stored(const char* data, int size, uint16 header) {
    StoredNumeric stored;
    int header_size = sizeof(header);
    if ((header & kShort) != 0) {
        stored.negative = (header & 0x2000) != 0;
        stored.scale = (header & 0x1F80) >> 7;
        stored.weight = (header & 0x003F) - (header & 0x0040);  // seven bits, two's complement
    } else {
        int16 weight;
        memcpy(&weight, data + header_size, sizeof(weight));
        header_size += static_cast<int>(sizeof(weight));
        stored.negative = (header & 0x4000) != 0;
        stored.scale = header & 0x3FFF;
        stored.weight = weight;
    }
    stored.digits = data + header_size;
    stored.digit_count = (size - header_size) / static_cast<int>(sizeof(int16));
    return stored;
}

// The digits before the point, without leading zeros.
char* put_whole(char* to, const StoredNumeric& stored) {
    to = put_uint64(to, stored.digit(0));
    for (int at = 1; at <= stored.weight; ++at)
        to = put_four_digits(to, stored.digit(at));
    return to;
}

// Digits beyond the scale are cut off: those stored are zeros.
char* put_fraction(char* to, const StoredNumeric& stored) {
    *to++ = '.';
    char* const end = to + stored.scale;
    for (int at = stored.weight + 1; to < end; ++at)
        to = put_four_digits(to, stored.digit(at));
    return end;
}

}  // namespace

void append_numeric_text(StringInfo out, Datum value) {
    const auto* const datum = reinterpret_cast<const struct varlena*>(PG_DETOAST_DATUM_PACKED(value));
    const char* const data = VARDATA_ANY(datum);
    uint16 header;
    memcpy(&header, data, sizeof(header));
    if ((header & kSpecial) == kSpecial) {
        const bool infinite = (header & 0x1000) != 0;
        return append_raw(out, !infinite ? "NaN" : (header & 0x2000) != 0 ? "-Infinity" : "Infinity");
    }
    const StoredNumeric stored = read_stored(data, static_cast<int>(VARSIZE_ANY_EXHDR(datum)), header);
    const int whole_digits = Max(stored.weight + 1, 1) * kDecimalDigits;
    constexpr int sign_and_point = 2;
    char* to =
        make_room(out, static_cast<size_t>(whole_digits + stored.scale + kDecimalDigits + sign_and_point));
    if (stored.negative) *to++ = '-';
    if (stored.weight < 0)
        *to++ = '0';
    else
        to = put_whole(to, stored);
    if (stored.scale > 0) to = put_fraction(to, stored);
    end_text(out, to);
}

}  // namespace cdc
