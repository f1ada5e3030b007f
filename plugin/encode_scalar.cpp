// Types of a few bytes, and bytea.
#include "encode_routine.h"

namespace cdc {

namespace {

ValueOutcome write_bool(const ValueEncoder&, Datum value, StringInfo out, int) {
    append_raw(out, DatumGetBool(value) ? "true" : "false");
    return ValueOutcome::written;
}

ValueOutcome write_int2(const ValueEncoder&, Datum value, StringInfo out, int) {
    append_int64(out, DatumGetInt16(value));
    return ValueOutcome::written;
}

ValueOutcome write_int4(const ValueEncoder&, Datum value, StringInfo out, int) {
    append_int64(out, DatumGetInt32(value));
    return ValueOutcome::written;
}

ValueOutcome write_int8(const ValueEncoder& self, Datum value, StringInfo out, int) {
    if (self.options.int8_as_string) append_char(out, '"');
    append_int64(out, DatumGetInt64(value));
    if (self.options.int8_as_string) append_char(out, '"');
    return ValueOutcome::written;
}

ValueOutcome write_oid(const ValueEncoder&, Datum value, StringInfo out, int) {
    append_uint64(out, DatumGetObjectId(value));
    return ValueOutcome::written;
}

// PostgreSQL's shortest form ("1e+20", "1.5e-07", "-0") is JSON as it stands; only these three words are not.
ValueOutcome append_float(StringInfo out, const char* text, int len) {
    const char last = text[len - 1];
    const bool is_word = last == 'N' || last == 'y';  // NaN, Infinity, -Infinity
    if (is_word) append_char(out, '"');
    append_raw(out, text, static_cast<size_t>(len));
    if (is_word) append_char(out, '"');
    return ValueOutcome::written;
}

ValueOutcome write_float4(const ValueEncoder&, Datum value, StringInfo out, int) {
    char text[FLOAT_SHORTEST_DECIMAL_LEN];
    return append_float(out, text, float_to_shortest_decimal_buf(DatumGetFloat4(value), text));
}

ValueOutcome write_float8(const ValueEncoder&, Datum value, StringInfo out, int) {
    char text[DOUBLE_SHORTEST_DECIMAL_LEN];
    return append_float(out, text, double_to_shortest_decimal_buf(DatumGetFloat8(value), text));
}

ValueOutcome write_uuid(const ValueEncoder&, Datum value, StringInfo out, int) {
    constexpr size_t length = 38;  // 32 digits, 4 hyphens, 2 quotes
    const pg_uuid_t* uuid = DatumGetUUIDP(value);
    char* to = make_room(out, length);
    *to++ = '"';
    to = put_hex(to, uuid->data, 4);
    for (int at = 4; at < 10; at += 2) {
        *to++ = '-';
        to = put_hex(to, uuid->data + at, 2);
    }
    *to++ = '-';
    to = put_hex(to, uuid->data + 10, 6);
    *to++ = '"';
    end_text(out, to);
    return ValueOutcome::written;
}

ValueOutcome write_bytea(const ValueEncoder&, Datum value, StringInfo out, int limit) {
    constexpr size_t quoting = 5;  // "\\x"
    const Size bytes = toast_raw_datum_size(value) - VARHDRSZ;
    if (!has_room(out, 2 * bytes + quoting, limit)) return ValueOutcome::oversize;
    const bytea* content = DatumGetByteaPP(value);
    append_raw(out, "\"\\\\x");
    append_hex(out, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content));
    append_char(out, '"');
    return ValueOutcome::written;
}

// The label by the system cache, as enum_out reads it: labels can be renamed and added without a word to the
// tables that use the type, so nothing may be remembered here.
ValueOutcome write_enum(const ValueEncoder&, Datum value, StringInfo out, int) {
    const Oid label_oid = DatumGetObjectId(value);
    HeapTuple label = SearchSysCache1(ENUMOID, ObjectIdGetDatum(label_oid));
    if (!HeapTupleIsValid(label)) {  // only a damaged catalogue: enum_out would raise and stop the slot
        appendStringInfo(out, "\"%u\"", label_oid);
        return ValueOutcome::written;
    }
    json_append_string(out, NameStr(reinterpret_cast<Form_pg_enum>(GETSTRUCT(label))->enumlabel));
    ReleaseSysCache(label);
    return ValueOutcome::written;
}

constexpr RoutineOfType kScalars[] = {
    {BOOLOID, write_bool},     {INT2OID, write_int2}, {INT4OID, write_int4},
    {INT8OID, write_int8},     {OIDOID, write_oid},   {FLOAT4OID, write_float4},
    {FLOAT8OID, write_float8}, {UUIDOID, write_uuid}, {BYTEAOID, write_bytea},
};

}  // namespace

ValueEncoder* create_scalar_encoder(const EncoderBuild& build) {
    if (ValueEncoder* encoder = encoder_from_table(build, kScalars)) return encoder;
    return type_is_enum(build.type) ? new_encoder<ValueEncoder>(build, write_enum) : nullptr;
}

}  // namespace cdc
