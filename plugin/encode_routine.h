// What stands behind value_encoder.h: the encoder's common part, and the door of each group of types.
//
// A group is one file, encode_<group>.cpp. It answers for its types with an encoder (its own struct, derived
// from ValueEncoder where it needs to remember more) or with nullptr. To add a fast path for a type: write
// its EncodeRoutine in the group's file and add a line to the group's table; nothing else changes.
//
// Ownership: encoders live in EncoderBuild::owner. Thread: the backend or walsender that decodes. Failure:
// routines raise nothing for what the data is; catalogue lookups of the create functions may.
#pragma once

#include <type_traits>

#include "json_writer.h"
#include "postgres_api.h"
#include "value_encoder.h"

namespace cdc {

// Appends the JSON form of a value. `limit` is the longest out->len allowed: a routine whose text has no
// small bound of its own (kSmallText) checks it on the way and says oversize, leaving out at any length; the
// caller cuts it back. json_null is said by json and jsonb only.
using EncodeRoutine = ValueOutcome (*)(const ValueEncoder& self, Datum value, StringInfo out, int limit);

// Appends a value that can be encoded as source_id has it, percent-encoded, where its JSON does not do for
// that: two values that share it.
using AppendId = void (*)(Datum value, StringInfo out);

// Longest text in bytes that a routine may append without a look at the limit: a numeric of 131,072 digits
// before and 16,383 after the point, with room. out keeps that much free above kLongestText.
constexpr int kSmallText = 256 * 1024;

struct ValueEncoder {
    EncodeRoutine write;
    AppendId append_id;         // null: made of the JSON
    Oid type;                   // below domains: the base type
    int32 typmod;               // that of the column or attribute
    bool uses_output_function;  // itself or nested
    bool may_be_json_null;      // json or jsonb in their native form
    ValueOptions options;
    MemoryContext owner;
};

// What an encoder is built from.
struct EncoderBuild {
    Oid type;  // base type
    int32 typmod;
    const ValueOptions& options;
    MemoryContext owner;
};

struct RoutineOfType {
    Oid type;
    EncodeRoutine write;
};

// A zeroed encoder of the kind E with its common part filled in.
template <typename E>
E* new_encoder(const EncoderBuild& build, EncodeRoutine write) {
    static_assert(std::is_trivially_destructible_v<E>, "longjmp runs no destructor");
    auto* encoder = static_cast<E*>(MemoryContextAllocZero(build.owner, sizeof(E)));
    encoder->write = write;
    encoder->type = build.type;
    encoder->typmod = build.typmod;
    encoder->options = build.options;
    encoder->owner = build.owner;
    return encoder;
}

template <size_t n>
ValueEncoder* encoder_from_table(const EncoderBuild& build, const RoutineOfType (&table)[n]) {
    for (const RoutineOfType& entry : table) {
        if (entry.type == build.type) return new_encoder<ValueEncoder>(build, entry.write);
    }
    return nullptr;
}

ValueEncoder* create_scalar_encoder(const EncoderBuild& build);   // bool, integers, floats, bytea, uuid, enum
ValueEncoder* create_text_encoder(const EncoderBuild& build);     // text and what is stored as text
ValueEncoder* create_numeric_encoder(const EncoderBuild& build);  // numeric, money
ValueEncoder* create_datetime_encoder(const EncoderBuild& build);   // date, time, timestamp, interval
ValueEncoder* create_json_encoder(const EncoderBuild& build);       // json, jsonb
ValueEncoder* create_array_encoder(const EncoderBuild& build);      // arrays
ValueEncoder* create_composite_encoder(const EncoderBuild& build);  // row types
ValueEncoder* create_output_encoder(const EncoderBuild& build);     // every other type; never nullptr

}  // namespace cdc
