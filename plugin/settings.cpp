#include "settings.h"

namespace cdc {
namespace {

struct Setting {
    const char* name;
    const char* value;
};

constexpr Setting kPinned[] = {
    {"datestyle", "ISO, YMD"},   {"timezone", "UTC"},           {"intervalstyle", "iso_8601"},
    {"extra_float_digits", "3"}, {"bytea_output", "hex"},       {"lc_monetary", "C"},
    {"xmlbinary", "base64"},     {"search_path", "pg_catalog"}, {"quote_all_identifiers", "off"},
};

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
    const int nest_level = NewGUCNestLevel();
    pin(GUC_ACTION_SAVE);
    return nest_level;
}

void settings_unpin(int nest_level) {
    AtEOXact_GUC(true, nest_level);
}

}  // namespace cdc
