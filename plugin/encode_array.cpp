// Arrays: JSON arrays, nested per dimension.
//
// Two kinds of array have no JSON form that json_populate_record turns back into the same array; both become
// the string of their text literal, which it takes as well:
//   - lower bounds other than 1 (JSON has none);
//   - elements whose own JSON is, or may be, an array: json and jsonb, and domains over arrays.
#include "encode_routine.h"

namespace cdc {

namespace {

struct ArrayEncoder : ValueEncoder {
    ValueEncoder* element;
    int16 element_length;
    bool element_by_value;
    char element_alignment;
    ValueEncoder* literal;  // what writes the text literal
};

// Where the walk over an array's elements stands.
struct ElementWalk {
    const ArrayEncoder& encoder;
    const ArrayType* array;
    char* data;
    int index;  // of the next element, nulls counted
};

bool starts_at_one(const ArrayType* array) {
    for (int i = 0; i < ARR_NDIM(array); ++i) {
        if (ARR_LBOUND(array)[i] != 1) return false;
    }
    return true;
}

ValueOutcome append_next_element(ElementWalk& walk, StringInfo out, int limit) {
    const bits8* not_null = ARR_NULLBITMAP(walk.array);
    const int index = walk.index++;
    if (not_null != nullptr && (not_null[index / 8] & (1 << (index % 8))) == 0) {
        append_raw(out, "null");
        return ValueOutcome::written;
    }
    const ArrayEncoder& encoder = walk.encoder;
    const Datum element = fetch_att(walk.data, encoder.element_by_value, encoder.element_length);
    walk.data = att_addlength_pointer(walk.data, encoder.element_length, walk.data);
    walk.data = reinterpret_cast<char*>(
        att_align_nominal(reinterpret_cast<uintptr_t>(walk.data), encoder.element_alignment));
    return encoder.element->write(*encoder.element, element, out, limit);
}

// One dimension; recursion ends at MAXDIM (6).
ValueOutcome append_dimension(ElementWalk& walk, int dimension, StringInfo out, int limit) {
    const bool innermost = dimension == ARR_NDIM(walk.array) - 1;
    appendStringInfoChar(out, '[');
    for (int i = 0; i < ARR_DIMS(walk.array)[dimension]; ++i) {
        if (i > 0) appendStringInfoChar(out, ',');
        const ValueOutcome outcome = innermost ? append_next_element(walk, out, limit)
                                               : append_dimension(walk, dimension + 1, out, limit);
        if (outcome == ValueOutcome::oversize || out->len > limit) return ValueOutcome::oversize;
    }
    appendStringInfoChar(out, ']');
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
    ElementWalk walk{encoder, array, ARR_DATA_PTR(array), 0};
    return append_dimension(walk, 0, out, limit);
}

ValueOutcome write_array_literal(const ValueEncoder& self, Datum value, StringInfo out, int limit) {
    const auto& encoder = static_cast<const ArrayEncoder&>(self);
    return encoder.literal->write(*encoder.literal, value, out, limit);
}

}  // namespace

ValueEncoder* create_array_encoder(const EncoderBuild& build) {
    const Oid element_type = get_element_type(build.type);
    // int2vector and oidvector are arrays to the catalogue, but count from 0 and have a text form of their
    // own.
    if (!OidIsValid(element_type) || build.type == INT2VECTOROID || build.type == OIDVECTOROID)
        return nullptr;
    const Oid element_base = getBaseType(element_type);
    const bool ambiguous =
        element_base == JSONOID || element_base == JSONBOID || OidIsValid(get_element_type(element_base));
    auto* encoder = new_encoder<ArrayEncoder>(build, ambiguous ? write_array_literal : write_array);
    encoder->element = value_encoder_create(element_type, build.typmod, build.options, build.owner);
    get_typlenbyvalalign(element_type, &encoder->element_length, &encoder->element_by_value,
                         &encoder->element_alignment);
    encoder->literal = create_output_encoder(build);
    encoder->uses_output_function = true;
    return encoder;
}

}  // namespace cdc
