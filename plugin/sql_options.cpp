#include "sql_options.h"

#include "capture.h"

namespace cdc {
namespace {

void set_slot(SqlOptions* options, const char* value) {
    if (options->slot != nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_SYNTAX_ERROR), errmsg("option \"%s\" is given more than once", "slot")));
    }
    if (value == nullptr || *value == '\0') {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("invalid value for option \"%s\": \"%s\"", "slot", ""),
                        errhint("Give %s.", "a slot's name")));
    }
    options->slot = pstrdup(value);
}

void set(SqlOptions* options, char* text) {
    char* const equals = strchr(text, '=');
    if (equals != nullptr) *equals = '\0';
    const char* const value = equals != nullptr ? equals + 1 : nullptr;
    if (strcmp(text, "slot") == 0)
        set_slot(options, value);
    else
        options_set(options->options, text, value);
}

}  // namespace

SqlOptions sql_options(ArrayType* texts) {
    SqlOptions options = {options_create(), nullptr};
    Datum* values;
    bool* nulls;
    int count;
    deconstruct_array(texts, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    for (int i = 0; i < count; ++i) {
        if (nulls[i]) ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("an option is null")));
        set(&options, TextDatumGetCString(values[i]));
    }
    if (options.slot != nullptr) options.options->policy = slot_policy_read(options.slot);
    publications_check(*options.options);
    return options;
}

}  // namespace cdc
