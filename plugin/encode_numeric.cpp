// numeric and money: decimal strings, as no JSON reader can be trusted with their digits.
#include "encode_routine.h"
#include "numeric_text.h"

namespace cdc {

namespace {

// The text (digits, '-', '.', NaN, Infinity) needs no escape.
ValueOutcome write_numeric(const ValueEncoder&, Datum value, StringInfo out, int) {
    append_char(out, '"');
    append_numeric_text(out, value);
    append_char(out, '"');
    return ValueOutcome::written;
}

// The stored integer counts hundredths under lc_monetary C and most others. Two digits always, whatever
// lc_monetary says now: the setting of the session that wrote the row is not in the WAL (cash.c).
ValueOutcome write_money(const ValueEncoder&, Datum value, StringInfo out, int) {
    const Cash cash = DatumGetCash(value);
    const auto bits = static_cast<uint64>(cash);
    const uint64 hundredths = cash < 0 ? 0 - bits : bits;
    append_raw(out, cash < 0 ? "\"-" : "\"");
    append_uint64(out, hundredths / 100);
    append_char(out, '.');
    append_char(out, static_cast<char>('0' + hundredths % 100 / 10));
    append_char(out, static_cast<char>('0' + hundredths % 10));
    append_char(out, '"');
    return ValueOutcome::written;
}

constexpr RoutineOfType kNumerics[] = {{NUMERICOID, write_numeric}, {MONEYOID, write_money}};

}  // namespace

ValueEncoder* create_numeric_encoder(const EncoderBuild& build) {
    return encoder_from_table(build, kNumerics);
}

}  // namespace cdc
