// One PostgreSQL value to canonical JSON (docs/envelope.md, "Values").
//
// A ValueEncoder is compiled once per column from its type: the choice of the routine, the element encoder of
// an array, the attribute encoders of a composite, the FmgrInfo of a fallback output function. Encoding a row
// then makes no catalogue access and no decision about types.
//
// Ownership: an encoder and all that hangs on it live in the memory context given to value_encoder_create and
// go with it. What value_encode allocates goes to CurrentMemoryContext, which the caller resets per change.
// Everything here may ereport(ERROR); no frame holds a destructor (docs/decisions, the C++/PostgreSQL wall).
#pragma once

#include "postgres_api.h"

namespace cdc {

struct ValueOptions {
    bool int8_as_string;    // option int8=string
    bool json_as_string;    // option json=string
    int64 max_value_bytes;  // option max_value_bytes: longest JSON text of one value, in bytes
};

enum class ValueOutcome : uint8 {
    written,    // JSON text appended
    json_null,  // JSON text `null` appended for a json/jsonb value that is a JSON null (not an SQL NULL)
    oversize,   // nothing appended: the text would be longer than max_value_bytes
};

struct ValueEncoder;

// Compiles the encoder of a type. Reads the type catalogues: during decoding that is the historic snapshot.
ValueEncoder* value_encoder_create(Oid type, int32 typmod, const ValueOptions& options, MemoryContext owner);

// The longest out->len that a value which is to be appended now may lead to; out->cursor is where the line
// begins.
int value_length_limit(const ValueOptions& options, StringInfo out);

// True where the encoder, or one nested in it, calls the type's output function, whose text depends on
// settings: the caller must have pinned them (settings.h).
bool value_encoder_uses_output_function(const ValueEncoder* encoder);

// Appends the JSON form of a value that is not an SQL NULL. A toasted datum is fetched here, so the caller
// must have kept unchanged on-disk TOAST of a decoded tuple away. Checks sizes before it calls an output
// function: no value, however large, makes this raise.
ValueOutcome value_encode(const ValueEncoder* encoder, Datum value, StringInfo out);

// Appends the value as source_id has it: its text, or its JSON form where that is no string, percent-encoded.
// Values that differ in their JSON differ here as well (docs/decisions/0171). Oversize where value_encode
// says so.
ValueOutcome value_append_id(const ValueEncoder* encoder, Datum value, StringInfo out);

}  // namespace cdc
