// Dates and times straight from their integers: no DateStyle, TimeZone or IntervalStyle has a say.
//
// ISO 8601 as PostgreSQL reads it back: years have at least four digits (no sign, up to 294276 for timestamps
// and 5874897 for dates), years before 1 end in " BC" counting from 1 BC, infinity is a word (datetime.c,
// EncodeDateTime with USE_ISO_DATES, but for the T, the Z and the six digits).
#include "encode_routine.h"

namespace cdc {

namespace {

struct Split {
    int64 days;   // since 2000-01-01
    int64 usecs;  // of the day
};

Split split_timestamp(int64 usecs) {
    int64 days = usecs / USECS_PER_DAY;
    int64 rest = usecs % USECS_PER_DAY;
    if (rest < 0) {
        rest += USECS_PER_DAY;
        --days;
    }
    return {days, rest};
}

char* put_digits(char* to, int64 value, int digits) {
    for (int i = digits - 1; i >= 0; --i) {
        to[i] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    return to + digits;
}

// Appends year-month-day; true where " BC" has to follow at the end.
bool append_calendar_day(StringInfo out, int64 days_since_2000) {
    int year;
    int month;
    int day;
    j2date(static_cast<int>(days_since_2000 + POSTGRES_EPOCH_JDATE), &year, &month, &day);
    const bool before_christ = year <= 0;  // astronomical: year 0 is 1 BC
    if (before_christ) year = 1 - year;
    int digits = 4;
    for (int rest = year / 10000; rest > 0; rest /= 10) {
        ++digits;
    }
    char text[16];
    char* to = put_digits(text, year, digits);
    *to++ = '-';
    to = put_digits(to, month, 2);
    *to++ = '-';
    to = put_digits(to, day, 2);
    append_raw(out, text, static_cast<size_t>(to - text));
    return before_christ;
}

void append_time_of_day(StringInfo out, int64 usecs) {
    const int64 seconds = usecs / USECS_PER_SEC;
    char text[15];
    char* to = put_digits(text, seconds / SECS_PER_HOUR, 2);  // 24:00:00 is a time of day of its own
    *to++ = ':';
    to = put_digits(to, seconds / SECS_PER_MINUTE % MINS_PER_HOUR, 2);
    *to++ = ':';
    to = put_digits(to, seconds % SECS_PER_MINUTE, 2);
    *to++ = '.';
    put_digits(to, usecs % USECS_PER_SEC, 6);
    append_raw(out, text, sizeof(text));
}

ValueOutcome append_infinity(StringInfo out, bool negative) {
    append_raw(out, negative ? "\"-infinity\"" : "\"infinity\"");
    return ValueOutcome::written;
}

ValueOutcome append_timestamp(StringInfo out, int64 usecs, std::string_view zone) {
    if (TIMESTAMP_NOT_FINITE(usecs)) return append_infinity(out, TIMESTAMP_IS_NOBEGIN(usecs));
    const Split split = split_timestamp(usecs);
    append_char(out, '"');
    const bool before_christ = append_calendar_day(out, split.days);
    append_char(out, 'T');
    append_time_of_day(out, split.usecs);
    append_raw(out, zone);
    append_raw(out, before_christ ? " BC\"" : "\"");
    return ValueOutcome::written;
}

ValueOutcome write_timestamp(const ValueEncoder&, Datum value, StringInfo out, int) {
    return append_timestamp(out, DatumGetTimestamp(value), "");
}

ValueOutcome write_timestamptz(const ValueEncoder&, Datum value, StringInfo out, int) {
    return append_timestamp(out, DatumGetTimestampTz(value), "Z");
}

ValueOutcome write_date(const ValueEncoder&, Datum value, StringInfo out, int) {
    const DateADT date = DatumGetDateADT(value);
    if (DATE_NOT_FINITE(date)) return append_infinity(out, DATE_IS_NOBEGIN(date));
    append_char(out, '"');
    const bool before_christ = append_calendar_day(out, date);
    append_raw(out, before_christ ? " BC\"" : "\"");
    return ValueOutcome::written;
}

ValueOutcome write_time(const ValueEncoder&, Datum value, StringInfo out, int) {
    append_char(out, '"');
    append_time_of_day(out, DatumGetTimeADT(value));
    append_char(out, '"');
    return ValueOutcome::written;
}

ValueOutcome write_timetz(const ValueEncoder&, Datum value, StringInfo out, int) {
    const TimeTzADT* time = DatumGetTimeTzADTP(value);
    const int west = time->zone;  // seconds west of Greenwich
    const int offset = west < 0 ? -west : west;
    char zone[9];
    char* to = zone;
    *to++ = west > 0 ? '-' : '+';
    to = put_digits(to, offset / SECS_PER_HOUR, 2);
    *to++ = ':';
    to = put_digits(to, offset / SECS_PER_MINUTE % MINS_PER_HOUR, 2);
    if (offset % SECS_PER_MINUTE != 0) {
        *to++ = ':';
        to = put_digits(to, offset % SECS_PER_MINUTE, 2);
    }
    append_char(out, '"');
    append_time_of_day(out, time->time);
    append_raw(out, zone, static_cast<size_t>(to - zone));
    append_char(out, '"');
    return ValueOutcome::written;
}

ValueOutcome write_interval(const ValueEncoder&, Datum value, StringInfo out, int) {
    pg_itm fields;
    char text[MAXDATELEN + 1];
    interval2itm(*DatumGetIntervalP(value), &fields);
    EncodeInterval(&fields, INTSTYLE_ISO_8601, text);
    append_char(out, '"');
    append_raw(out, text);
    append_char(out, '"');
    return ValueOutcome::written;
}

constexpr RoutineOfType kDatetimes[] = {
    {DATEOID, write_date},
    {TIMEOID, write_time},
    {TIMETZOID, write_timetz},
    {TIMESTAMPOID, write_timestamp},
    {TIMESTAMPTZOID, write_timestamptz},
    {INTERVALOID, write_interval},
};

}  // namespace

ValueEncoder* create_datetime_encoder(const EncoderBuild& build) {
    return encoder_from_table(build, kDatetimes);
}

}  // namespace cdc
