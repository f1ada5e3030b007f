// A value as the text its type's output function gives: what a range, an array counting from 0 or an unknown
// type has in the place of a JSON form.
//
// Arrays, composites, ranges and multiranges are written here and not by array_out and its like, which raise
// where the text passes 1 GB (an array of a few numerics of 1e131071 does) and so would stop the slot. Their
// text is the same, byte for byte.
//
// Ownership: a writer lives in the memory context given to literal_create. Thread: the backend or walsender
// that decodes. Failure: catalogue lookups may raise, and so may an extension's output function.
#pragma once

#include "postgres_api.h"

namespace cdc {

struct LiteralWriter;

// Appends the text, in the database's encoding. False, with out at any length, where out->len would pass
// `limit`.
using AppendLiteral = bool (*)(const LiteralWriter& self, Datum value, StringInfo out, int limit);

struct LiteralWriter {
    AppendLiteral append;
    bool depends_on_settings;  // DateStyle, search_path and others that the caller has to pin
};

LiteralWriter* literal_create(Oid type, MemoryContext owner);

// The groups: nullptr where the type is none of theirs; the last answers for every type.
LiteralWriter* create_array_literal(Oid type, MemoryContext owner);      // literal_array.cpp
LiteralWriter* create_composite_literal(Oid type, MemoryContext owner);  // literal_composite.cpp
LiteralWriter* create_range_literal(Oid type, MemoryContext owner);      // literal_range.cpp
LiteralWriter* create_settled_literal(Oid type, MemoryContext owner);    // literal_settled.cpp
LiteralWriter* create_scalar_literal(Oid type, MemoryContext owner);     // literal_scalar.cpp

// How a container quotes the text of a part of it.
struct QuotingRule {
    const char* special;  // characters that call for quotes, white space apart
    bool doubled;         // quotes and backslashes are doubled, rather than escaped with a backslash
    bool quote_null;      // the word NULL needs quotes
};

// Appends a part's text, quoted where the rule says so; an empty text always is.
bool literal_append_part(const QuotingRule& rule, const LiteralWriter& part, Datum value, StringInfo out,
                         int limit);

}  // namespace cdc
