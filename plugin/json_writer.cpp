#include "json_writer.h"

#include <algorithm>

#include "plain_run.h"
#include "text_encoding.h"

namespace cdc {

namespace {

constexpr char kHexLower[] = "0123456789abcdef";
constexpr char kHexUpper[] = "0123456789ABCDEF";

const char* first_non_ascii(const char* s, const char* end) {
    while (end - s >= 8 && (load_word(s) & kHighBits) == 0) {
        s += 8;
    }
    while (s < end && static_cast<unsigned char>(*s) < 0x80) {
        ++s;
    }
    return s;
}

constexpr int kLongestEscape = 6;  // \u0001

char* put_escape(char* to, unsigned char c) {
    char letter;
    switch (c) {
        case '"':
        case '\\':
            letter = static_cast<char>(c);
            break;
        case '\b':
            letter = 'b';
            break;
        case '\f':
            letter = 'f';
            break;
        case '\n':
            letter = 'n';
            break;
        case '\r':
            letter = 'r';
            break;
        case '\t':
            letter = 't';
            break;
        default: {
            const char text[kLongestEscape] = {'\\', 'u', '0', '0', kHexLower[c >> 4], kHexLower[c & 15]};
            memcpy(to, text, sizeof(text));
            return to + sizeof(text);
        }
    }
    to[0] = '\\';
    to[1] = letter;
    return to + 2;
}

// Longest text that is appended in one go, in bytes: its longest form is what room is made for.
constexpr size_t kPiece = 4096;

// How far copy_escaped has come, in the source and in the copy.
struct Copied {
    const char* from;
    char* to;
};

// Copies s with escapes, up to its end or to a high byte where these stop it. There is room for the longest
// form.
template <HighBytes high>
Copied copy_escaped(char* to, const char* s, const char* end) {
    for (;;) {
        const size_t run = copy_plain<high>(to, s, static_cast<size_t>(end - s));
        to += run;
        s += run;
        if (s == end || static_cast<unsigned char>(*s) >= 0x80) return {s, to};
        to = put_escape(to, static_cast<unsigned char>(*s++));
    }
}

// Appends text whose non-ASCII bytes, if any, are to be copied. In pieces, each with room for its longest
// form, so that no byte costs a check of its own.
bool append_copyable(StringInfo out, const char* s, const char* end, int limit) {
    while (s < end && out->len <= limit) {
        const size_t piece = std::min(kPiece, static_cast<size_t>(end - s));
        char* to = make_room(out, piece * kLongestEscape);
        const Copied copied = copy_escaped<HighBytes::copy>(to, s, s + piece);
        end_text(out, copied.to);
        s = copied.from;
    }
    return out->len <= limit;
}

// A short text, which most are, in one pass and with one look at the room and the limit. False, with out as
// it was, where it is not short, or holds bytes that need conversion.
bool append_short_string(StringInfo out, const char* s, size_t len, int limit) {
    constexpr size_t quotes = 2;
    const size_t longest = len * kLongestEscape + quotes;
    if (len > kPiece || !has_room(out, longest, limit)) return false;
    const char* const end = s + len;
    char* to = make_room(out, longest);
    *to++ = '"';
    Copied copied = copy_escaped<HighBytes::stop>(to, s, end);
    if (copied.from < end) {
        const auto left = static_cast<size_t>(end - copied.from);
        if (!database_is_utf8() || valid_utf8_prefix(copied.from, left) != left) return false;
        copied = copy_escaped<HighBytes::copy>(copied.to, copied.from, end);
    }
    *copied.to = '"';
    end_text(out, copied.to + 1);
    return true;
}

// Appends text whose non-ASCII bytes need conversion, or are not all valid.
bool append_converted(StringInfo out, const char* s, const char* end, int limit) {
    bool within = true;
    while (s < end && within) {
        const char* ascii_end = first_non_ascii(s, end);
        const char* run_end = end_of_non_ascii(ascii_end, end);
        within =
            append_copyable(out, s, ascii_end, limit) &&
            json_append_non_ascii_within(out, ascii_end, static_cast<size_t>(run_end - ascii_end), limit);
        s = run_end;
    }
    return within;
}

// A byte that stands for no character: \\xhh, the text \xhh.
void append_invalid_byte(StringInfo out, unsigned char c) {
    const char text[] = {'\\', '\\', 'x', kHexLower[c >> 4], kHexLower[c & 15]};
    append_raw(out, text, sizeof(text));
}

void append_utf16_unit(StringInfo out, unsigned unit) {
    const char text[] = {'\\',
                         'u',
                         kHexLower[unit >> 12],
                         kHexLower[unit >> 8 & 15],
                         kHexLower[unit >> 4 & 15],
                         kHexLower[unit & 15]};
    append_raw(out, text, sizeof(text));
}

// UTF-8 without ASCII as \uXXXX, above U+FFFF as a surrogate pair.
void append_unicode_escapes(StringInfo out, const char* utf8, int len) {
    const auto* s = reinterpret_cast<const unsigned char*>(utf8);
    for (const auto* end = s + len; s < end; s += pg_utf_mblen(s)) {
        const pg_wchar c = utf8_to_unicode(s);
        if (c < 0x10000) {
            append_utf16_unit(out, c);
        } else {
            append_utf16_unit(out, 0xD800 + ((c - 0x10000) >> 10));
            append_utf16_unit(out, 0xDC00 + ((c - 0x10000) & 0x3FF));
        }
    }
}

inline unsigned hex_digit(char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

inline pg_wchar hex4(const char* s) {
    return hex_digit(s[0]) << 12 | hex_digit(s[1]) << 8 | hex_digit(s[2]) << 4 | hex_digit(s[3]);
}

constexpr pg_wchar kReplacementCharacter = 0xFFFD;

inline bool is_surrogate(pg_wchar c) {
    return c >= 0xD800 && c < 0xE000;
}

// A json column may hold surrogates without a partner ("\ud800"): they have no UTF-8.
inline pg_wchar join_surrogates(pg_wchar high, pg_wchar low) {
    if (high >= 0xDC00 || low < 0xDC00 || low >= 0xE000) return kReplacementCharacter;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

inline char short_escape(char c) {
    switch (c) {
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        default:
            return c;  // " and \ stand for themselves
    }
}

struct ByteSet {
    bool has[256];
};

// Unreserved characters of a URI (RFC 3986, section 2.3).
constexpr ByteSet make_unreserved() {
    ByteSet set{};
    for (const char* c = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"; *c != 0; ++c)
        set.has[static_cast<unsigned char>(*c)] = true;
    return set;
}
constexpr ByteSet kUnreserved = make_unreserved();

inline bool is_unreserved(unsigned char c) {
    return kUnreserved.has[c];
}

}  // namespace

const char* end_of_non_ascii(const char* s, const char* end) {
    while (s < end && static_cast<unsigned char>(*s) >= 0x80) {
        ++s;
    }
    return s;
}

bool json_append_non_ascii_within(StringInfo out, const char* s, size_t len, int limit) {
    const char* end = s + len;
    while (s < end && out->len <= limit) {
        const auto left = static_cast<size_t>(end - s);
        size_t taken;
        if (database_is_utf8()) {
            taken = valid_utf8_prefix(s, left);
            if (!has_room(out, taken, limit)) return false;
            append_raw(out, s, taken);
        } else {
            Utf8Piece piece;
            convert_prefix(s, left, &piece);
            append_unicode_escapes(out, piece.utf8, piece.utf8_bytes);
            taken = static_cast<size_t>(piece.source_bytes);
        }
        if (taken == 0) {
            append_invalid_byte(out, static_cast<unsigned char>(*s));
            taken = 1;
        }
        s += taken;
    }
    return out->len <= limit;
}

bool json_append_string_within(StringInfo out, const char* s, size_t len, int limit) {
    if (append_short_string(out, s, len, limit)) return true;
    const int start = out->len;
    const char* end = s + len;
    const char* high = first_non_ascii(s, end);
    const auto left = static_cast<size_t>(end - high);
    // One check of all that is left costs less than one per run. It fails at an inner NUL too; that only
    // costs time.
    const bool copyable = left == 0 || (database_is_utf8() && valid_utf8_prefix(high, left) == left);
    append_char(out, '"');
    const bool within = copyable ? append_copyable(out, s, end, limit) : append_converted(out, s, end, limit);
    if (within && has_room(out, 1, limit)) {
        append_char(out, '"');
        return true;
    }
    truncate_text(out, start);
    return false;
}

void json_append_string(StringInfo out, const char* s, size_t len) {
    // Past this limit StringInfo itself raises: names and messages never come near it.
    json_append_string_within(out, s, len, static_cast<int>(MaxAllocSize) - 1);
}

void json_unquote_tail(StringInfo out, int start) {
    if (out->data[start] != '"') return;
    const char* from = out->data + start + 1;
    const char* end = out->data + out->len - 1;
    char* to = out->data + start;
    while (from < end) {
        if (*from != '\\') {
            *to++ = *from++;
        } else if (from[1] != 'u') {
            *to++ = short_escape(from[1]);
            from += 2;
        } else {
            pg_wchar c = hex4(from + 2);
            from += 6;
            if (is_surrogate(c)) {
                const bool paired = end - from >= 6 && from[0] == '\\' && from[1] == 'u';
                const pg_wchar low = paired ? hex4(from + 2) : 0;
                c = join_surrogates(c, low);
                if (c != kReplacementCharacter) from += 6;
            }
            to += pg_utf_mblen(unicode_to_utf8(c, reinterpret_cast<unsigned char*>(to)));
        }
    }
    *to = '\0';
    out->len = static_cast<int>(to - out->data);
}

void append_utf8(StringInfo out, const char* s, size_t len) {
    const int start = out->len;
    json_append_string(out, s, len);
    json_unquote_tail(out, start);
}

bool is_all_unreserved(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return is_unreserved(static_cast<unsigned char>(c)); });
}

void append_percent_encoded_utf8(StringInfo out, const char* s, size_t len) {
    const char* const end = s + len;
    while (s < end) {
        const char* const run = s;
        while (s < end && is_unreserved(static_cast<unsigned char>(*s)))
            ++s;
        append_raw(out, run, static_cast<size_t>(s - run));
        if (s == end) return;
        const auto c = static_cast<unsigned char>(*s++);
        const char text[] = {'%', kHexUpper[c >> 4], kHexUpper[c & 15]};
        append_raw(out, text, sizeof(text));
    }
}

void append_percent_encoded(StringInfo out, const char* s, size_t len) {
    if (database_is_utf8()) {
        append_percent_encoded_utf8(out, s, len);
        return;
    }
    const char* const end = s + len;
    while (s < end) {
        const char* const ascii_end = first_non_ascii(s, end);
        append_percent_encoded_utf8(out, s, static_cast<size_t>(ascii_end - s));
        if (ascii_end == end) return;
        Utf8Piece piece;
        convert_prefix(ascii_end, static_cast<size_t>(end_of_non_ascii(ascii_end, end) - ascii_end), &piece);
        append_percent_encoded_utf8(out, piece.utf8, static_cast<size_t>(piece.utf8_bytes));
        if (piece.source_bytes == 0) append_percent_encoded_utf8(out, ascii_end, 1);
        s = ascii_end + Max(piece.source_bytes, 1);
    }
}

}  // namespace cdc
