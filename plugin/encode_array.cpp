// Arrays: JSON arrays, nested per dimension.
//
// Two kinds of array have no JSON form that json_populate_record turns back into the same array; both become
// the string of their text literal, which it takes as well:
//   - lower bounds other than 1 (JSON has none);
//   - elements whose own JSON is, or may be, an array: json and jsonb, and domains over arrays.
#include "array_walk.h"
#include "encode_routine.h"

namespace cdc {

namespace {

struct ArrayEncoder : ValueEncoder {
    ValueEncoder* element;
    ElementLayout layout;
    ValueEncoder* literal;  // what writes the text literal
};

// One dimension; recursion ends at MAXDIM (6).
ValueOutcome append_dimension(const ArrayEncoder& self, ElementWalk& walk, int dimension, StringInfo out,
                              int limit) {
    const bool innermost = dimension == ARR_NDIM(walk.array) - 1;
    append_char(out, '[');
    for (int i = 0; i < ARR_DIMS(walk.array)[dimension]; ++i) {
        if (i > 0) append_char(out, ',');
        ValueOutcome outcome = ValueOutcome::written;
        Datum element;
        if (!innermost) {
            outcome = append_dimension(self, walk, dimension + 1, out, limit);
        } else if (walk_next(walk, self.layout, &element)) {
            outcome = self.element->write(*self.element, element, out, limit);
        } else {
            append_raw(out, "null");
        }
        if (outcome == ValueOutcome::oversize || out->len > limit) return ValueOutcome::oversize;
    }
    append_char(out, ']');
    return ValueOutcome::written;
}

ValueOutcome write_array(const ValueEncoder& self, Datum value, StringInfo out, int limit) {
    const auto& encoder = static_cast<const ArrayEncoder&>(self);
    ArrayType* array = DatumGetArrayTypeP(value);
    if (ARR_NDIM(array) == 0) {
        append_raw(out, "[]");
        return ValueOutcome::written;
    }
    if (!starts_at_one(array))
        return encoder.literal->write(*encoder.literal, PointerGetDatum(array), out, limit);
    ElementWalk walk = walk_start(array);
    return append_dimension(encoder, walk, 0, out, limit);
}

ValueOutcome write_array_literal(const ValueEncoder& self, Datum value, StringInfo out, int limit) {
    const auto& encoder = static_cast<const ArrayEncoder&>(self);
    return encoder.literal->write(*encoder.literal, value, out, limit);
}

}  // namespace

ValueEncoder* create_array_encoder(const EncoderBuild& build) {
    const Oid element_type = array_element_type(build.type);
    if (!OidIsValid(element_type)) return nullptr;
    const Oid element_base = getBaseType(element_type);
    const bool ambiguous =
        element_base == JSONOID || element_base == JSONBOID || OidIsValid(array_element_type(element_base));
    auto* encoder = new_encoder<ArrayEncoder>(build, ambiguous ? write_array_literal : write_array);
    encoder->element = value_encoder_create(element_type, build.typmod, build.options, build.owner);
    get_typlenbyvalalign(element_type, &encoder->layout.length, &encoder->layout.by_value,
                         &encoder->layout.alignment);
    encoder->literal = create_output_encoder(build);
    encoder->uses_output_function =
        encoder->element->uses_output_function || encoder->literal->uses_output_function;
    return encoder;
}

}  // namespace cdc
