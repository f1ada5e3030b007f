#include "settings.h"

namespace cdc {
namespace {

struct Setting {
    const char* name;
    const char* value;
    bool (*holds)();  // whether it has this value already
};

bool is(const char* setting, const char* value) {
    return setting != nullptr && strcmp(setting, value) == 0;
}

constexpr Setting kPinned[] = {
    {"datestyle", "ISO, YMD", [] { return DateStyle == USE_ISO_DATES && DateOrder == DATEORDER_YMD; }},
    {"timezone", "UTC", [] { return is(pg_get_timezone_name(session_timezone), "UTC"); }},
    {"intervalstyle", "iso_8601", [] { return IntervalStyle == INTSTYLE_ISO_8601; }},
    {"extra_float_digits", "3", [] { return extra_float_digits == 3; }},
    {"bytea_output", "hex", [] { return bytea_output == BYTEA_OUTPUT_HEX; }},
    {"lc_monetary", "C", [] { return is(locale_monetary, "C"); }},
    {"xmlbinary", "base64", [] { return xmlbinary == XMLBINARY_BASE64; }},
    {"search_path", "pg_catalog", [] { return is(namespace_search_path, "pg_catalog"); }},
    {"quote_all_identifiers", "off", [] { return !quote_all_identifiers; }},
};

bool all_hold() {
    for (const Setting& setting : kPinned) {
        if (!setting.holds()) return false;
    }
    return true;
}

void pin(GucAction action) {
    for (const Setting& setting : kPinned) {
        set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
    }
}

}  // namespace

void settings_pin_for_transaction() {
    pin(GUC_ACTION_LOCAL);
}

int settings_pin() {
    if (all_hold()) return 0;
    const int nest_level = NewGUCNestLevel();
    pin(GUC_ACTION_SAVE);
    return nest_level;
}

void settings_unpin(int nest_level) {
    if (nest_level != 0) AtEOXact_GUC(true, nest_level);
}

}  // namespace cdc
