// Composites: objects of their attributes, in order, dropped ones left out.
//
// A composite with a JSON null in a json or jsonb attribute becomes the string of its text literal, as in an
// object that null and an SQL NULL would look the same.
//
// The type can change (ALTER TYPE … ADD, DROP, RENAME ATTRIBUTE) without a word to the tables that use it. So
// the attributes are compiled for one tupDesc_identifier of the type cache, and again when that has changed.
#include "encode_routine.h"

namespace cdc {

namespace {

struct Attribute {
    ValueEncoder* encoder;   // null for a dropped attribute
    const char* name_colon;  // the name as a JSON string, and a colon
    int name_colon_length;
};

// The attributes as of one definition of the type, in a memory context of their own.
struct CompiledType {
    MemoryContext context;  // null before the first value
    uint64 identifier;      // tupDesc_identifier of the definition; 0 while it is being compiled
    TupleDesc descriptor;
    Attribute* attributes;
};

struct CompositeEncoder : ValueEncoder {
    CompiledType* compiled;
    ValueEncoder* literal;  // what writes the text literal
};

void compile_attribute(const CompositeEncoder& encoder, const FormData_pg_attribute* column,
                       Attribute* attribute) {
    if (column->attisdropped) return;
    StringInfoData name;
    initStringInfo(&name);
    json_append_string(&name, NameStr(column->attname));
    appendStringInfoChar(&name, ':');
    attribute->name_colon = name.data;
    attribute->name_colon_length = name.len;
    attribute->encoder =
        value_encoder_create(column->atttypid, column->atttypmod, encoder.options, encoder.compiled->context);
}

void compile(const CompositeEncoder& encoder) {
    CompiledType* compiled = encoder.compiled;
    if (compiled->context != nullptr) MemoryContextDelete(compiled->context);
    *compiled = CompiledType{};
    compiled->context =
        AllocSetContextCreate(encoder.owner, "cdc_envelope composite type", ALLOCSET_SMALL_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(compiled->context);
    TupleDesc descriptor = lookup_rowtype_tupdesc(encoder.type, -1);
    // Taken now: the lookups below may find the type changed, and what is compiled is this descriptor.
    const uint64 identifier = assign_record_type_identifier(encoder.type, -1);
    compiled->descriptor = CreateTupleDescCopyConstr(descriptor);
    ReleaseTupleDesc(descriptor);
    const int count = compiled->descriptor->natts;
    compiled->attributes = static_cast<Attribute*>(palloc0(sizeof(Attribute) * static_cast<Size>(count)));
    for (int i = 0; i < count; ++i) {
        compile_attribute(encoder, TupleDescAttr(compiled->descriptor, i), &compiled->attributes[i]);
    }
    compiled->identifier = identifier;
    MemoryContextSwitchTo(caller);
}

// The attributes as the catalogue has them now; under decoding that is the historic snapshot.
const CompiledType& current_definition(const CompositeEncoder& encoder) {
    const uint64 identifier = assign_record_type_identifier(encoder.type, -1);
    if (encoder.compiled->identifier != identifier) compile(encoder);
    return *encoder.compiled;
}

ValueOutcome append_attributes(const CompiledType& type, HeapTuple tuple, StringInfo out, int limit) {
    const TupleDesc descriptor = type.descriptor;
    const auto count = static_cast<Size>(Max(descriptor->natts, 1));
    auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * count));
    auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * count));
    heap_deform_tuple(tuple, descriptor, values, nulls);
    bool first = true;
    appendStringInfoChar(out, '{');
    for (int i = 0; i < descriptor->natts; ++i) {
        const Attribute& attribute = type.attributes[i];
        if (attribute.encoder == nullptr) continue;
        if (!first) appendStringInfoChar(out, ',');
        first = false;
        append_raw(out, attribute.name_colon, static_cast<size_t>(attribute.name_colon_length));
        if (nulls[i]) {
            append_raw(out, "null");
            continue;
        }
        const ValueOutcome outcome = attribute.encoder->write(*attribute.encoder, values[i], out, limit);
        if (outcome != ValueOutcome::written) return outcome;
        if (out->len > limit) return ValueOutcome::oversize;
    }
    appendStringInfoChar(out, '}');
    pfree(values);
    pfree(nulls);
    return ValueOutcome::written;
}

ValueOutcome write_composite(const ValueEncoder& self, Datum value, StringInfo out, int limit) {
    const auto& encoder = static_cast<const CompositeEncoder&>(self);
    HeapTupleHeader header = DatumGetHeapTupleHeader(value);
    HeapTupleData tuple;
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    ItemPointerSetInvalid(&tuple.t_self);
    tuple.t_tableOid = InvalidOid;
    tuple.t_data = header;
    const int start = out->len;
    const ValueOutcome outcome = append_attributes(current_definition(encoder), &tuple, out, limit);
    if (outcome != ValueOutcome::json_null) return outcome;
    truncate_text(out, start);
    return encoder.literal->write(*encoder.literal, PointerGetDatum(header), out, limit);
}

}  // namespace

ValueEncoder* create_composite_encoder(const EncoderBuild& build) {
    if (get_typtype(build.type) != TYPTYPE_COMPOSITE) return nullptr;
    auto* encoder = new_encoder<CompositeEncoder>(build, write_composite);
    encoder->compiled = static_cast<CompiledType*>(MemoryContextAllocZero(build.owner, sizeof(CompiledType)));
    encoder->literal = create_output_encoder(build);
    encoder->uses_output_function = true;
    return encoder;
}

}  // namespace cdc
