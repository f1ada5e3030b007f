#include "interval_text.h"

namespace cdc {
namespace {

char* put_field(char* to, int64 value, char unit) {
    if (value == 0) return to;
    return to + pg_snprintf(to, 24, "%lld%c", static_cast<long long>(value), unit);
}

// Seconds with as many fractional digits as there are, up to six.
char* put_seconds(char* to, int64 microseconds) {
    if (microseconds == 0) return to;
    const bool negative = microseconds < 0;
    const int rest = static_cast<int>(negative ? -microseconds : microseconds);  // less than a minute
    if (negative) *to++ = '-';
    to += pg_snprintf(to, 16, "%d.%06d", rest / static_cast<int>(USECS_PER_SEC),
                      rest % static_cast<int>(USECS_PER_SEC));
    while (to[-1] == '0')
        --to;
    if (to[-1] == '.') --to;
    *to++ = 'S';
    return to;
}

int put_word(char* text, const char* word) {
    return pg_snprintf(text, kLongestInterval, "%s", word);
}

}  // namespace

int interval_text(const Interval& interval, char* text) {
    if (const int infinite = infinity_of(interval))
        return put_word(text, infinite > 0 ? "infinity" : "-infinity");
    if (interval.month == 0 && interval.day == 0 && interval.time == 0) return put_word(text, "PT0S");
    char* to = text;
    *to++ = 'P';
    to = put_field(to, interval.month / MONTHS_PER_YEAR, 'Y');
    to = put_field(to, interval.month % MONTHS_PER_YEAR, 'M');
    to = put_field(to, interval.day, 'D');
    if (interval.time != 0) {
        *to++ = 'T';
        to = put_field(to, interval.time / USECS_PER_HOUR, 'H');
        to = put_field(to, interval.time % USECS_PER_HOUR / USECS_PER_MINUTE, 'M');
        to = put_seconds(to, interval.time % USECS_PER_MINUTE);
    }
    *to = '\0';
    return static_cast<int>(to - text);
}

}  // namespace cdc
