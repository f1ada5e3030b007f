// Every type without an encoder of its own, and every extension's: the type's text (literal.h) as a string.
#include "encode_routine.h"
#include "literal.h"

namespace cdc {

namespace {

struct OutputEncoder : ValueEncoder {
    LiteralWriter* literal;
};

ValueOutcome write_output(const ValueEncoder& self, Datum value, StringInfo out, int limit) {
    const LiteralWriter& literal = *static_cast<const OutputEncoder&>(self).literal;
    StringInfoData text;
    initStringInfo(&text);
    const bool within = literal.append(literal, value, &text, limit - out->len) &&
                        json_append_string_within(out, text.data, static_cast<size_t>(text.len), limit);
    pfree(text.data);
    return within ? ValueOutcome::written : ValueOutcome::oversize;
}

// The text of a function or operator is its name, which others have that take other arguments.
void append_oid_id(Datum value, StringInfo out) {
    append_uint64(out, DatumGetObjectId(value));
}

}  // namespace

ValueEncoder* create_output_encoder(const EncoderBuild& build) {
    auto* encoder = new_encoder<OutputEncoder>(build, write_output);
    encoder->literal = literal_create(build.type, build.owner);
    encoder->uses_output_function = encoder->literal->depends_on_settings;
    if (build.type == REGPROCOID || build.type == REGOPEROID) encoder->append_id = append_oid_id;
    return encoder;
}

}  // namespace cdc
