// Every type without an encoder of its own, and every extension's: the text of the type's output function.
//
// The text may depend on settings (search_path for regclass, DateStyle for a range of dates): the caller pins
// them, see value_encoder_uses_output_function. An output function is C code of the type's owner, never SQL:
// no cast and no function of a user runs here.
#include "encode_routine.h"

namespace cdc {

namespace {

struct OutputEncoder : ValueEncoder {
    FmgrInfo* output;
    bool is_varlena;
};

// No output function of a built-in type writes more than this many bytes per stored byte: a bit string 8, a
// tsvector less than 4, hex 2. A value that might pass 1 GB so is not tried: palloc would raise, and stop the
// slot.
constexpr Size kGrowth = 8;

bool may_be_too_long(const OutputEncoder& encoder, Datum value) {
    return encoder.is_varlena && toast_raw_datum_size(value) > MaxAllocSize / kGrowth;
}

}  // namespace

ValueOutcome write_output_text(const ValueEncoder& self, Datum value, StringInfo out, int limit) {
    const auto& encoder = static_cast<const OutputEncoder&>(self);
    if (may_be_too_long(encoder, value)) return ValueOutcome::oversize;
    const Datum fetched = encoder.is_varlena ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(value)) : value;
    char* text = OutputFunctionCall(encoder.output, fetched);
    const bool within = json_append_string_within(out, text, strlen(text), limit);
    pfree(text);
    return within ? ValueOutcome::written : ValueOutcome::oversize;
}

ValueEncoder* create_output_encoder(const EncoderBuild& build) {
    auto* encoder = new_encoder<OutputEncoder>(build, write_output_text);
    Oid function;
    getTypeOutputInfo(build.type, &function, &encoder->is_varlena);
    encoder->output = static_cast<FmgrInfo*>(MemoryContextAllocZero(build.owner, sizeof(FmgrInfo)));
    fmgr_info_cxt(function, encoder->output, build.owner);
    encoder->uses_output_function = true;
    return encoder;
}

}  // namespace cdc
