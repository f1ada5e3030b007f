// Composites: objects of their attributes, in order, dropped ones left out.
//
// A composite with a JSON null in a json or jsonb attribute becomes the string of its text literal: in the
// object, that null and an SQL NULL would look the same.
#include "encode_routine.h"
#include "row_definition.h"
#include "settings.h"

namespace cdc {

namespace {

struct Attribute {
    ValueEncoder* encoder;
    const char* name_colon;  // the name as a JSON string, and a colon
    int name_colon_length;
};

struct CompositeEncoder : ValueEncoder {
    RowDefinition* definition;  // of Attribute
    ValueEncoder* literal;      // what writes the text literal
};

CompiledAttribute make_attribute(const void* maker, const FormData_pg_attribute& column,
                                 MemoryContext owner) {
    const auto& composite = *static_cast<const CompositeEncoder*>(maker);
    StringInfoData name;
    initStringInfo(&name);
    json_append_string(&name, NameStr(column.attname));
    append_char(&name, ':');
    auto* attribute = static_cast<Attribute*>(palloc0(sizeof(Attribute)));
    attribute->name_colon = name.data;
    attribute->name_colon_length = name.len;
    attribute->encoder = value_encoder_create(column.atttypid, column.atttypmod, composite.options, owner);
    return {attribute, attribute->encoder->uses_output_function};
}

ValueOutcome append_attributes(const RowDefinition& type, HeapTupleHeader header, StringInfo out, int limit) {
    const DeformedRow row = row_deform(type, header);
    bool first = true;
    append_char(out, '{');
    for (int i = 0; i < type.descriptor->natts; ++i) {
        const auto* attribute = static_cast<const Attribute*>(type.attributes[i]);
        if (attribute == nullptr) continue;
        if (!first) append_char(out, ',');
        first = false;
        append_raw(out, attribute->name_colon, static_cast<size_t>(attribute->name_colon_length));
        if (row.nulls[i]) {
            append_raw(out, "null");
            continue;
        }
        const ValueOutcome outcome =
            attribute->encoder->write(*attribute->encoder, row.values[i], out, limit);
        if (outcome != ValueOutcome::written) return outcome;
        if (out->len > limit) return ValueOutcome::oversize;
    }
    append_char(out, '}');
    return ValueOutcome::written;
}

ValueOutcome append_object(const CompositeEncoder& encoder, Datum value, StringInfo out, int limit) {
    HeapTupleHeader header = DatumGetHeapTupleHeader(value);
    const int start = out->len;
    const ValueOutcome outcome = append_attributes(*encoder.definition, header, out, limit);
    if (outcome != ValueOutcome::json_null) return outcome;
    truncate_text(out, start);
    return encoder.literal->write(*encoder.literal, PointerGetDatum(header), out, limit);
}

ValueOutcome write_composite(const ValueEncoder& self, Datum value, StringInfo out, int limit) {
    const auto& encoder = static_cast<const CompositeEncoder&>(self);
    row_definition_refresh(encoder.definition);
    // An attribute added since the caller asked may need what the caller has not pinned.
    const bool pin = encoder.definition->depends_on_settings && !encoder.uses_output_function;
    const int nest_level = pin ? settings_pin() : 0;
    const ValueOutcome outcome = append_object(encoder, value, out, limit);
    if (pin) settings_unpin(nest_level);
    return outcome;
}

}  // namespace

ValueEncoder* create_composite_encoder(const EncoderBuild& build) {
    if (get_typtype(build.type) != TYPTYPE_COMPOSITE) return nullptr;
    auto* encoder = new_encoder<CompositeEncoder>(build, write_composite);
    encoder->definition = row_definition_create(build.type, build.owner, make_attribute, encoder);
    encoder->literal = create_output_encoder(build);
    row_definition_refresh(encoder->definition);
    encoder->uses_output_function =
        encoder->definition->depends_on_settings || encoder->literal->uses_output_function;
    return encoder;
}

}  // namespace cdc
