#include "value_encoder.h"

#include <algorithm>

#include "encode_routine.h"

namespace cdc {

static_assert(std::is_trivially_destructible_v<ValueEncoder>, "longjmp runs no destructor");

namespace {

using CreateEncoder = ValueEncoder* (*)(const EncoderBuild& build);

// Asked in turn; the last answers for every type.
constexpr CreateEncoder kGroups[] = {create_scalar_encoder,    create_text_encoder,  create_numeric_encoder,
                                     create_datetime_encoder,  create_json_encoder,  create_array_encoder,
                                     create_composite_encoder, create_output_encoder};

}  // namespace

ValueEncoder* value_encoder_create(Oid type, int32 typmod, const ValueOptions& options, MemoryContext owner) {
    const Oid base_type = getBaseTypeAndTypmod(type, &typmod);
    MemoryContext caller = MemoryContextSwitchTo(owner);
    const EncoderBuild build{base_type, typmod, options, owner};
    ValueEncoder* encoder = nullptr;
    for (CreateEncoder create : kGroups) {
        encoder = create(build);
        if (encoder != nullptr) break;
    }
    MemoryContextSwitchTo(caller);
    return encoder;
}

int value_length_limit(const ValueOptions& options, StringInfo out) {
    const int64 by_value = out->len + options.max_value_bytes;
    return static_cast<int>(std::min<int64>(by_value, int64{out->cursor} + kLongestText));
}

bool value_encoder_uses_output_function(const ValueEncoder* encoder) {
    return encoder->uses_output_function;
}

ValueOutcome value_encode(const ValueEncoder* encoder, Datum value, StringInfo out) {
    const int start = out->len;
    const int limit = value_length_limit(encoder->options, out);
    ValueOutcome outcome = encoder->write(*encoder, value, out, limit);
    if (out->len > limit) outcome = ValueOutcome::oversize;
    if (outcome == ValueOutcome::oversize) truncate_text(out, start);
    return outcome;
}

ValueOutcome value_append_id(const ValueEncoder* encoder, Datum value, StringInfo out) {
    const int start = out->len;
    const ValueOutcome outcome = value_encode(encoder, value, out);
    if (outcome == ValueOutcome::oversize) return outcome;
    if (encoder->append_id != nullptr) {
        truncate_text(out, start);
        encoder->append_id(value, out);
        return outcome;
    }
    // A jsonb "1" keeps its quotes: there is also 1. No other type has a string and a number.
    if (!encoder->may_be_json_null) json_unquote_tail(out, start);
    const std::string_view text(out->data + start, static_cast<size_t>(out->len - start));
    if (is_all_unreserved(text)) return outcome;  // as most are
    char* const copy = pnstrdup(text.data(), text.size());
    truncate_text(out, start);
    append_percent_encoded_utf8(out, copy, text.size());
    pfree(copy);
    return outcome;
}

}  // namespace cdc
