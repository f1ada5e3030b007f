// Types stored as text: their bytes are their output.
#include "encode_routine.h"

namespace cdc {

namespace {

ValueOutcome write_text(const ValueEncoder&, Datum value, StringInfo out, int limit) {
    // The text is no shorter than its bytes, so a longer one is not even fetched.
    if (!has_room(out, toast_raw_datum_size(value) - VARHDRSZ, limit)) return ValueOutcome::oversize;
    const text* content = DatumGetTextPP(value);
    const bool within =
        json_append_string_within(out, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content), limit);
    return within ? ValueOutcome::written : ValueOutcome::oversize;
}

ValueOutcome write_name(const ValueEncoder&, Datum value, StringInfo out, int) {
    json_append_string(out, NameStr(*DatumGetName(value)));
    return ValueOutcome::written;
}

// A byte >= 0x80 is no text in a multi-byte encoding: \ooo, as charout writes it since PostgreSQL 16.
ValueOutcome write_char(const ValueEncoder&, Datum value, StringInfo out, int) {
    const auto c = static_cast<unsigned char>(DatumGetChar(value));
    if (c < 0x80) {
        const auto byte = static_cast<char>(c);
        json_append_string(out, &byte, c == 0 ? 0 : 1);
    } else {
        appendStringInfo(out, "\"\\\\%03o\"", c);
    }
    return ValueOutcome::written;
}

// From the bytes: in the JSON, one that is no character looks like the four characters \xff.
void append_text_id(Datum value, StringInfo out) {
    const text* content = DatumGetTextPP(value);
    append_percent_encoded(out, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content));
}

void append_name_id(Datum value, StringInfo out) {
    const char* const name = NameStr(*DatumGetName(value));
    append_percent_encoded(out, name, strlen(name));
}

constexpr RoutineOfType kTexts[] = {
    {TEXTOID, write_text}, {VARCHAROID, write_text}, {BPCHAROID, write_text},
    {NAMEOID, write_name}, {CHAROID, write_char},
};

}  // namespace

ValueEncoder* create_text_encoder(const EncoderBuild& build) {
    ValueEncoder* const encoder = encoder_from_table(build, kTexts);
    if (encoder == nullptr) return nullptr;
    if (encoder->write == write_text) encoder->append_id = append_text_id;
    if (encoder->write == write_name) encoder->append_id = append_name_id;
    return encoder;
}

}  // namespace cdc
