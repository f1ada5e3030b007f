#include "options.h"

#include <type_traits>

namespace cdc {

static_assert(std::is_trivially_destructible_v<Options>, "longjmp runs no destructor");

namespace {

constexpr int64 kDefaultMaxValueBytes = INT64CONST(256) * 1024 * 1024;
constexpr int64 kMaxMaxValueBytes = INT64CONST(512) * 1024 * 1024;

struct OptionSetter {
    const char* name;
    const char* accepted;  // for the hint
    // False where the value is not acceptable.
    bool (*set)(Options* options, const char* value);
};

bool is(const char* value, const char* word) {
    return strcmp(value, word) == 0;
}

bool set_switch(bool* target, const char* value) {
    if (!is(value, "on") && !is(value, "off")) return false;
    *target = is(value, "on");
    return true;
}

// One of two words: the second sets the flag.
bool set_choice(bool* target, const char* value, const char* no, const char* yes) {
    if (!is(value, no) && !is(value, yes)) return false;
    *target = is(value, yes);
    return true;
}

bool set_text(char** target, const char* value) {
    if (*value == '\0') return false;
    *target = pstrdup(value);
    return true;
}

bool set_integer(int64* target, const char* value, int64 least, int64 most) {
    if (*value == '\0' || strspn(value, "0123456789") != strlen(value) || strlen(value) > 18) return false;
    const int64 number = strtoll(value, nullptr, 10);
    if (number < least || number > most) return false;
    *target = number;
    return true;
}

constexpr OptionSetter kOptions[] = {
    {"cluster", "a name", [](Options* o, const char* v) { return set_text(&o->cluster, v); }},
    {"projection", "a name", [](Options* o, const char* v) { return set_text(&o->projection, v); }},
    {"source_commit", "a text", [](Options* o, const char* v) { return set_text(&o->source_commit, v); }},
    {"evidence", "hash or literal",
     [](Options* o, const char* v) { return set_choice(&o->evidence_literal, v, "hash", "literal"); }},
    {"transactions", "on or off", [](Options* o, const char* v) { return set_switch(&o->transactions, v); }},
    {"messages", "transactional, all or off",
     [](Options* o, const char* v) { return messages_parse(v, &o->messages); }},
    {"ddl", "on or off", [](Options* o, const char* v) { return set_switch(&o->ddl, v); }},
    {"publication_names", "a comma-separated list of publications",
     [](Options* o, const char* v) { return rules_publish(&o->rules, v); }},
    {"include_tables", "a comma-separated list of schema.table, * allowed",
     [](Options* o, const char* v) { return rules_include(&o->rules, v); }},
    {"exclude_tables", "a comma-separated list of schema.table, * allowed",
     [](Options* o, const char* v) { return rules_exclude(&o->rules, v); }},
    {"mask", "a comma-separated list of schema.table.column:redact or schema.table.column:hash",
     [](Options* o, const char* v) { return rules_mask(&o->rules, v); }},
    {"int8", "number or string",
     [](Options* o, const char* v) { return set_choice(&o->values.int8_as_string, v, "number", "string"); }},
    {"json", "native or string",
     [](Options* o, const char* v) { return set_choice(&o->values.json_as_string, v, "native", "string"); }},
    {"origin", "any or none",
     [](Options* o, const char* v) { return set_choice(&o->own_origin_only, v, "any", "none"); }},
    {"partition", "leaf or root",
     [](Options* o, const char* v) { return set_choice(&o->partition_root, v, "leaf", "root"); }},
    {"max_value_bytes", "a number of bytes from 1024 to 536870912",
     [](Options* o, const char* v) {
         return set_integer(&o->values.max_value_bytes, v, 1024, kMaxMaxValueBytes);
     }},
    {"batch_bytes", "a number of bytes from 0 to 67108864",
     [](Options* o, const char* v) { return set_integer(&o->batch_bytes, v, 0, kMaxBatchBytes); }},
};

char* known_names() {
    StringInfoData names;
    initStringInfo(&names);
    for (const OptionSetter& option : kOptions) {
        appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", option.name);
    }
    return names.data;
}

}  // namespace

bool messages_parse(const char* value, Messages* target) {
    if (is(value, "off"))
        *target = Messages::off;
    else if (is(value, "transactional"))
        *target = Messages::transactional;
    else if (is(value, "all"))
        *target = Messages::all;
    else
        return false;
    return true;
}

Options* options_create() {
    auto* options = static_cast<Options*>(palloc0(sizeof(Options)));
    options->source_commit = pstrdup("unknown");
    options->messages = Messages::transactional;
    options->ddl = true;
    options->values.max_value_bytes = kDefaultMaxValueBytes;
    return options;
}

void options_set(Options* options, const char* name, const char* value) {
    for (size_t i = 0; i < lengthof(kOptions); ++i) {
        const OptionSetter& option = kOptions[i];
        if (!is(name, option.name)) continue;
        if ((options->given & UINT64CONST(1) << i) != 0) {
            ereport(ERROR,
                    (errcode(ERRCODE_SYNTAX_ERROR), errmsg("option \"%s\" is given more than once", name)));
        }
        options->given |= UINT64CONST(1) << i;
        if (value == nullptr || !option.set(options, value)) {
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("invalid value for option \"%s\": \"%s\"", name, value == nullptr ? "" : value),
                     errhint("Give %s.", option.accepted)));
        }
        return;
    }
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown option \"%s\"", name),
                    errhint("The options of cdc_envelope are %s.", known_names())));
}

}  // namespace cdc
