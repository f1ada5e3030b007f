// Dates and times straight from their integers: no DateStyle, TimeZone or IntervalStyle has a say.
//
// ISO 8601 as PostgreSQL reads it back: years have at least four digits (no sign, up to 294276 for timestamps
// and 5874897 for dates), years before 1 end in " BC" counting from 1 BC, infinity is a word (datetime.c,
// EncodeDateTime with USE_ISO_DATES, but for the T, the Z and the six digits).
#include "encode_routine.h"
#include "interval_text.h"

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

// Longest text of any of these types but interval, in bytes, with its quotes: "294276-12-31T23:59:59.999999Z
// BC" and a date's seven digits of a year are within it.
constexpr size_t kLongestMoment = 40;

// year-month-day; before_christ: " BC" has to follow at the end.
char* put_calendar_day(char* to, int64 days_since_2000, bool* before_christ) {
    int year;
    int month;
    int day;
    j2date(static_cast<int>(days_since_2000 + POSTGRES_EPOCH_JDATE), &year, &month, &day);
    *before_christ = year <= 0;  // astronomical: year 0 is 1 BC
    const auto shown = static_cast<uint32>(*before_christ ? 1 - year : year);
    to = shown < 10000 ? put_four_digits(to, shown) : put_uint64(to, shown);
    *to++ = '-';
    to = put_two_digits(to, static_cast<uint32>(month));
    *to++ = '-';
    return put_two_digits(to, static_cast<uint32>(day));
}

char* put_time_of_day(char* to, int64 usecs) {
    const auto seconds = static_cast<uint32>(usecs / USECS_PER_SEC);
    const auto fraction = static_cast<uint32>(usecs % USECS_PER_SEC);
    to = put_two_digits(to, seconds / SECS_PER_HOUR);  // 24:00:00 is a time of day of its own
    *to++ = ':';
    to = put_two_digits(to, seconds / SECS_PER_MINUTE % MINS_PER_HOUR);
    *to++ = ':';
    to = put_two_digits(to, seconds % SECS_PER_MINUTE);
    *to++ = '.';
    to = put_two_digits(to, fraction / 10000);
    return put_four_digits(to, fraction % 10000);
}

char* put_text(char* to, std::string_view text) {
    memcpy(to, text.data(), text.size());
    return to + text.size();
}

ValueOutcome append_infinity(StringInfo out, bool negative) {
    append_raw(out, negative ? "\"-infinity\"" : "\"infinity\"");
    return ValueOutcome::written;
}

ValueOutcome append_timestamp(StringInfo out, int64 usecs, std::string_view zone) {
    if (TIMESTAMP_NOT_FINITE(usecs)) return append_infinity(out, TIMESTAMP_IS_NOBEGIN(usecs));
    const Split split = split_timestamp(usecs);
    bool before_christ;
    char* to = make_room(out, kLongestMoment);
    *to++ = '"';
    to = put_calendar_day(to, split.days, &before_christ);
    *to++ = 'T';
    to = put_time_of_day(to, split.usecs);
    to = put_text(to, zone);
    end_text(out, put_text(to, before_christ ? " BC\"" : "\""));
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
    bool before_christ;
    char* to = make_room(out, kLongestMoment);
    *to++ = '"';
    to = put_calendar_day(to, date, &before_christ);
    end_text(out, put_text(to, before_christ ? " BC\"" : "\""));
    return ValueOutcome::written;
}

ValueOutcome write_time(const ValueEncoder&, Datum value, StringInfo out, int) {
    char* to = make_room(out, kLongestMoment);
    *to++ = '"';
    to = put_time_of_day(to, DatumGetTimeADT(value));
    *to++ = '"';
    end_text(out, to);
    return ValueOutcome::written;
}

ValueOutcome write_timetz(const ValueEncoder&, Datum value, StringInfo out, int) {
    const TimeTzADT* time = DatumGetTimeTzADTP(value);
    const int west = time->zone;  // seconds west of Greenwich
    const auto offset = static_cast<uint32>(west < 0 ? -west : west);
    char* to = make_room(out, kLongestMoment);
    *to++ = '"';
    to = put_time_of_day(to, time->time);
    *to++ = west > 0 ? '-' : '+';
    to = put_two_digits(to, offset / SECS_PER_HOUR);
    *to++ = ':';
    to = put_two_digits(to, offset / SECS_PER_MINUTE % MINS_PER_HOUR);
    if (offset % SECS_PER_MINUTE != 0) {
        *to++ = ':';
        to = put_two_digits(to, offset % SECS_PER_MINUTE);
    }
    *to++ = '"';
    end_text(out, to);
    return ValueOutcome::written;
}

ValueOutcome write_interval(const ValueEncoder&, Datum value, StringInfo out, int) {
    char text[kLongestInterval];
    const int length = interval_text(*DatumGetIntervalP(value), text);
    append_char(out, '"');
    append_raw(out, text, static_cast<size_t>(length));
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
