// JSON and URI text into a StringInfo: the only place that escapes anything. (text_output.h: what needs no
// escape.)
//
// Ownership: the caller's StringInfo; nothing else is kept. Thread: the backend or walsender that decodes.
// Failure: growing a StringInfo past 1 GB raises; text that is not valid in its encoding never does (below).
//
// Text comes in the database's encoding and leaves as UTF-8:
//   - database in UTF8: non-ASCII passes through, after a check;
//   - database in another encoding: converted by PostgreSQL's own conversion in pg_catalog and written as
//     \uXXXX, so that the output is plain ASCII and survives any client_encoding;
//   - a byte that is not valid, or has no equivalent in Unicode (SQL_ASCII, MULE_INTERNAL, damaged text),
//   becomes
//     the four characters \xhh (in JSON: \\xhh), as COPY and E'' strings write it: explicit, and never an
//     error, which would stop the slot for good.
// Escapes (RFC 8259, section 7): \" \\ \b \f \n \r \t, other bytes below 0x20 as \u00hh in lower case;
// nothing else.
#pragma once

#include "text_output.h"

namespace cdc {

// How long a text may get from where it begins, which is out->cursor (in an output message that holds other
// lines already, batch.h): 1 GB less the fullest batch before it, and less room for the rest of an event
// around its largest value. Counted from there, what is left out as too long does not depend on what else a
// batch holds.
constexpr int kLongestText = static_cast<int>(MaxAllocSize) - 96 * 1024 * 1024;

// True where `more` bytes keep out->len within `limit`.
inline bool has_room(StringInfo out, size_t more, int limit) {
    return out->len <= limit && more <= static_cast<size_t>(limit - out->len);
}

// Appends a JSON string, quotes included. `len` in bytes; s need not end in NUL and may hold one.
void json_append_string(StringInfo out, const char* s, size_t len);
inline void json_append_string(StringInfo out, const char* s) {
    json_append_string(out, s, strlen(s));
}

// The same, unless out->len would pass `limit` (bytes): then false, and out is as it was.
bool json_append_string_within(StringInfo out, const char* s, size_t len, int limit);

// Appends bytes >= 0x80, and no others, as JSON string content (no quotes). False where out->len would pass
// `limit`: out then ends somewhere within them.
bool json_append_non_ascii_within(StringInfo out, const char* s, size_t len, int limit);

// End of the run of bytes >= 0x80 that starts at s.
const char* end_of_non_ascii(const char* s, const char* end);

// Where out holds a JSON string from `start` to its end: replaces it by the string's plain UTF-8 text, in
// place (it is never longer). JSON that is not a string stays as it is.
void json_unquote_tail(StringInfo out, int start);

// Appends text of the database's encoding as plain UTF-8.
void append_utf8(StringInfo out, const char* s, size_t len);

// Whether percent-encoding leaves the text as it is.
bool is_all_unreserved(std::string_view text);

// Percent-encodes UTF-8 (RFC 3986, section 2.1): unreserved characters stay, every other byte is %HH.
void append_percent_encoded_utf8(StringInfo out, const char* s, size_t len);

// The same for text of the database's encoding, such as a table's name or a key. A byte that is no character
// stays that byte (%FF), and so is told from the text \xff, which is what it is in a JSON string.
void append_percent_encoded(StringInfo out, const char* s, size_t len);

}  // namespace cdc
