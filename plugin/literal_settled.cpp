// The text of types whose output functions ask a setting (DateStyle, TimeZone, IntervalStyle,
// extra_float_digits, bytea_output), written as those write it under the settings of settings.h; so their
// ranges and arrays need no pinning.
#include "interval_text.h"
#include "json_writer.h"
#include "literal.h"

namespace cdc {

namespace {

bool append_text(StringInfo out, std::string_view text, int limit) {
    append_raw(out, text);
    return out->len <= limit;
}

bool append_float4(const LiteralWriter&, Datum value, StringInfo out, int limit) {
    char text[FLOAT_SHORTEST_DECIMAL_LEN];
    float_to_shortest_decimal_buf(DatumGetFloat4(value), text);
    return append_text(out, text, limit);
}

bool append_float8(const LiteralWriter&, Datum value, StringInfo out, int limit) {
    char text[DOUBLE_SHORTEST_DECIMAL_LEN];
    double_to_shortest_decimal_buf(DatumGetFloat8(value), text);
    return append_text(out, text, limit);
}

bool append_bytea(const LiteralWriter&, Datum value, StringInfo out, int limit) {
    if (!has_room(out, 2 * (toast_raw_datum_size(value) - VARHDRSZ) + 2, limit)) return false;
    const bytea* content = DatumGetByteaPP(value);
    append_raw(out, "\\x");
    append_hex(out, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content));
    return true;
}

bool append_date(const LiteralWriter&, Datum value, StringInfo out, int limit) {
    const DateADT date = DatumGetDateADT(value);
    if (DATE_NOT_FINITE(date)) return append_text(out, DATE_IS_NOBEGIN(date) ? EARLY : LATE, limit);
    pg_tm fields{};
    char text[MAXDATELEN + 1];
    j2date(date + POSTGRES_EPOCH_JDATE, &fields.tm_year, &fields.tm_mon, &fields.tm_mday);
    EncodeDateOnly(&fields, USE_ISO_DATES, text);
    return append_text(out, text, limit);
}

bool append_moment(StringInfo out, Timestamp moment, bool with_zone, int limit) {
    if (TIMESTAMP_NOT_FINITE(moment)) {
        return append_text(out, TIMESTAMP_IS_NOBEGIN(moment) ? EARLY : LATE, limit);
    }
    pg_tm fields{};
    fsec_t fraction;
    char text[MAXDATELEN + 1];
    if (timestamp2tm(moment, nullptr, &fields, &fraction, nullptr, nullptr) != 0) {
        append_int64(out, moment);  // out of range: timestamp_out would raise, and stop the slot
        return out->len <= limit;
    }
    fields.tm_isdst = 0;  // known: EncodeDateTime prints no zone otherwise
    EncodeDateTime(&fields, fraction, with_zone, 0, nullptr, USE_ISO_DATES, text);
    return append_text(out, text, limit);
}

bool append_timestamp(const LiteralWriter&, Datum value, StringInfo out, int limit) {
    return append_moment(out, DatumGetTimestamp(value), false, limit);
}

bool append_timestamptz(const LiteralWriter&, Datum value, StringInfo out, int limit) {
    return append_moment(out, DatumGetTimestampTz(value), true, limit);
}

bool append_time(const LiteralWriter&, Datum value, StringInfo out, int limit) {
    pg_tm fields{};
    fsec_t fraction;
    char text[MAXDATELEN + 1];
    time2tm(DatumGetTimeADT(value), &fields, &fraction);
    EncodeTimeOnly(&fields, fraction, false, 0, USE_ISO_DATES, text);
    return append_text(out, text, limit);
}

bool append_timetz(const LiteralWriter&, Datum value, StringInfo out, int limit) {
    pg_tm fields{};
    fsec_t fraction;
    int west;
    char text[MAXDATELEN + 1];
    timetz2tm(DatumGetTimeTzADTP(value), &fields, &fraction, &west);
    EncodeTimeOnly(&fields, fraction, true, west, USE_ISO_DATES, text);
    return append_text(out, text, limit);
}

bool append_interval(const LiteralWriter&, Datum value, StringInfo out, int limit) {
    char text[kLongestInterval];
    interval_text(*DatumGetIntervalP(value), text);
    return append_text(out, text, limit);
}

struct AppendOfType {
    Oid type;
    AppendLiteral append;
};

constexpr AppendOfType kSettled[] = {
    {FLOAT4OID, append_float4},       {FLOAT8OID, append_float8},
    {BYTEAOID, append_bytea},         {DATEOID, append_date},
    {TIMEOID, append_time},           {TIMETZOID, append_timetz},
    {TIMESTAMPOID, append_timestamp}, {TIMESTAMPTZOID, append_timestamptz},
    {INTERVALOID, append_interval},
};

}  // namespace

LiteralWriter* create_settled_literal(Oid type, MemoryContext owner) {
    for (const AppendOfType& entry : kSettled) {
        if (entry.type != type) continue;
        auto* writer = static_cast<LiteralWriter*>(MemoryContextAllocZero(owner, sizeof(LiteralWriter)));
        writer->append = entry.append;
        return writer;
    }
    return nullptr;
}

}  // namespace cdc
