// From the database's encoding to UTF-8, without ever raising for what the bytes are.
//
// Ownership: nothing is kept but the conversion function's OID, once per process (a backend never changes its
// database). Thread: the backend or walsender that decodes. Failure: none for data; a catalogue lookup may
// raise.
#pragma once

#include <cstddef>

#include "postgres_api.h"

namespace cdc {

inline bool database_is_utf8() {
    return GetDatabaseEncoding() == PG_UTF8;
}

// A piece of converted text.
struct Utf8Piece {
    static constexpr int kSourceBytes = 128;  // longest piece converted at once, in source bytes
    int source_bytes;  // how much of the source it stands for; 0: the first byte is not valid
    int utf8_bytes;
    char utf8[(kSourceBytes + 1) * MAX_CONVERSION_GROWTH + 1];
};

// Length of the longest valid UTF-8 prefix of s, in bytes. NUL counts as invalid.
size_t valid_utf8_prefix(const char* s, size_t len);

// Converts a prefix of s, which holds no ASCII, to UTF-8: up to kSourceBytes, or up to the first character
// that is not valid or has no equivalent. An SQL_ASCII database is taken for UTF-8 as far as its bytes are
// that.
void convert_prefix(const char* s, size_t len, Utf8Piece* piece);

}  // namespace cdc
