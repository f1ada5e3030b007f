// Bytes, digits and hex into a StringInfo, without a function call for each: what a row's text is made of.
//
// StringInfo's own functions check the room, copy and end the text in a NUL, each as a call into the server;
// with some eighty pieces in a row's two images these calls cost more than all the encoding. Here a piece is
// one check of the room, which the compiler sees through, and stores.
//
// Ownership: the caller's StringInfo; nothing else is kept. Thread: the backend or walsender that decodes.
// Failure: growing a StringInfo past 1 GB raises.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#include "postgres_api.h"

namespace cdc {

// Makes room for `bytes` more and says where they go: write there and call end_text.
inline char* make_room(StringInfo out, size_t bytes) {
    if (bytes >= static_cast<size_t>(out->maxlen - out->len)) enlargeStringInfo(out, static_cast<int>(bytes));
    return out->data + out->len;
}

// The text ends at `end`, which lies in the room that make_room gave.
inline void end_text(StringInfo out, char* end) {
    *end = '\0';
    out->len = static_cast<int>(end - out->data);
}

// Takes back what was appended after `len`.
inline void truncate_text(StringInfo out, int len) {
    out->len = len;
    out->data[len] = '\0';
}

// Appends s as it is: JSON punctuation and text known to need no escape. A literal's length is known, so it
// is copied by a store or two.
inline void append_raw(StringInfo out, const char* s, size_t len) {
    char* const to = make_room(out, len);
    memcpy(to, s, len);
    end_text(out, to + len);
}
inline void append_raw(StringInfo out, std::string_view s) {
    append_raw(out, s.data(), s.size());
}
inline void append_char(StringInfo out, char c) {
    char* const to = make_room(out, 1);
    *to = c;
    end_text(out, to + 1);
}

// A text made once and appended to every row, such as a column's label. Its memory is a whole number of
// blocks, so that it is copied by blocks, without a call of memcpy: most are shorter than one.
struct Segment {
    static constexpr int kBlock = 32;
    const char* text;  // ends in NUL
    int length;        // bytes, without the NUL
};

// Copies what text holds, in CurrentMemoryContext, and gives text's own memory back: a StringInfo is large.
Segment make_segment(StringInfoData* text);

inline void append_segment(StringInfo out, const Segment& segment) {
    char* const to = make_room(out, static_cast<size_t>(segment.length) + Segment::kBlock);
    int copied = 0;
    do {
        memcpy(to + copied, segment.text + copied, Segment::kBlock);
        copied += Segment::kBlock;
    } while (copied < segment.length);
    end_text(out, to + segment.length);
}

// The digits of 00 to 99, two by two.
extern const char kTwoDigits[201];

inline char* put_two_digits(char* to, uint32 value) {
    memcpy(to, kTwoDigits + value * 2, 2);
    return to + 2;
}
inline char* put_four_digits(char* to, uint32 value) {
    return put_two_digits(put_two_digits(to, value / 100), value % 100);
}

// Puts a number without leading zeros, no NUL; returns its end.
constexpr int kLongestInteger = 20;  // bytes, sign included
inline char* put_uint64(char* to, uint64 value) {
    if (value < 10) {
        *to = static_cast<char>('0' + value);
        return to + 1;
    }
    // Narrower divisions where they will do.
    return to +
           (value <= PG_UINT32_MAX ? pg_ultoa_n(static_cast<uint32>(value), to) : pg_ulltoa_n(value, to));
}
inline char* put_int64(char* to, int64 value) {
    const auto magnitude = static_cast<uint64>(value);
    if (value >= 0) return put_uint64(to, magnitude);
    *to = '-';
    return put_uint64(to + 1, 0 - magnitude);
}

inline void append_uint64(StringInfo out, uint64 value) {
    end_text(out, put_uint64(make_room(out, kLongestInteger), value));
}
inline void append_int64(StringInfo out, int64 value) {
    end_text(out, put_int64(make_room(out, kLongestInteger), value));
}

// Puts lower-case hex, two digits a byte; returns its end.
char* put_hex(char* to, const void* bytes, size_t len);

inline void append_hex(StringInfo out, const void* bytes, size_t len) {
    end_text(out, put_hex(make_room(out, len * 2), bytes, len));
}

}  // namespace cdc
