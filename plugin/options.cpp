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

// The next item of a comma-separated list, cut at its separator; commas and dots inside double quotes are
// part of a name. Null at the end of the list.
char* next_item(char** rest) {
    if (*rest == nullptr) return nullptr;
    char* const item = *rest;
    bool quoted = false;
    for (char* at = item; *at != '\0'; ++at) {
        if (*at == '"') quoted = !quoted;
        if (*at == ',' && !quoted) {
            *at = '\0';
            *rest = at + 1;
            return item;
        }
    }
    *rest = nullptr;
    return item;
}

// Splits name.name[.name] in place, taking the quotes off ("" is a quote). False unless there are exactly n
// parts, none empty.
bool split_name(char* text, char** parts, int n) {
    for (int i = 0; i < n; ++i) {
        char* to = text;
        parts[i] = text;
        bool quoted = false;
        for (;; ++text) {
            if (*text == '"') {
                if (quoted && text[1] == '"') {
                    *to++ = *++text;
                } else {
                    quoted = !quoted;
                }
            } else if (*text == '\0' || (*text == '.' && !quoted)) {
                break;
            } else {
                *to++ = *text;
            }
        }
        const bool more = *text == '.';
        *to = '\0';
        if (quoted || *parts[i] == '\0' || more != (i + 1 < n)) return false;
        ++text;
    }
    return true;
}

bool set_patterns(List** target, const char* value) {
    char* rest = pstrdup(value);
    while (char* item = next_item(&rest)) {
        char* parts[2];
        if (!split_name(item, parts, 2)) return false;
        auto* pattern = static_cast<TablePattern*>(palloc(sizeof(TablePattern)));
        *pattern = {parts[0], parts[1]};
        *target = lappend(*target, pattern);
    }
    return *target != NIL;
}

bool set_names(List** target, const char* value) {
    char* rest = pstrdup(value);
    while (char* item = next_item(&rest)) {
        char* part;
        if (!split_name(item, &part, 1)) return false;
        *target = lappend(*target, part);
    }
    return *target != NIL;
}

bool set_masks(List** target, const char* value) {
    char* rest = pstrdup(value);
    while (char* item = next_item(&rest)) {
        char* const colon = strrchr(item, ':');
        if (colon == nullptr) return false;
        *colon = '\0';
        const bool redact = is(colon + 1, "redact");
        char* parts[3];
        if ((!redact && !is(colon + 1, "hash")) || !split_name(item, parts, 3)) return false;
        auto* mask = static_cast<ColumnMask*>(palloc(sizeof(ColumnMask)));
        *mask = {parts[0], parts[1], parts[2], redact ? MaskKind::redact : MaskKind::hash};
        *target = lappend(*target, mask);
    }
    return *target != NIL;
}

bool set_messages(Messages* target, const char* value) {
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

constexpr OptionSetter kOptions[] = {
    {"cluster", "a name", [](Options* o, const char* v) { return set_text(&o->cluster, v); }},
    {"projection", "a name", [](Options* o, const char* v) { return set_text(&o->projection, v); }},
    {"source_commit", "a text", [](Options* o, const char* v) { return set_text(&o->source_commit, v); }},
    {"evidence", "hash or literal",
     [](Options* o, const char* v) { return set_choice(&o->evidence_literal, v, "hash", "literal"); }},
    {"transactions", "on or off", [](Options* o, const char* v) { return set_switch(&o->transactions, v); }},
    {"messages", "transactional, all or off",
     [](Options* o, const char* v) { return set_messages(&o->messages, v); }},
    {"ddl", "on or off", [](Options* o, const char* v) { return set_switch(&o->ddl, v); }},
    {"publication_names", "a comma-separated list of publications",
     [](Options* o, const char* v) { return set_names(&o->publication_names, v); }},
    {"include_tables", "a comma-separated list of schema.table, * allowed",
     [](Options* o, const char* v) { return set_patterns(&o->include_tables, v); }},
    {"exclude_tables", "a comma-separated list of schema.table, * allowed",
     [](Options* o, const char* v) { return set_patterns(&o->exclude_tables, v); }},
    {"mask", "a comma-separated list of schema.table.column:redact or schema.table.column:hash",
     [](Options* o, const char* v) { return set_masks(&o->masks, v); }},
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

// '*' stands for any run of characters, everything else for itself.
bool matches(const char* pattern, const char* text) {
    const char* star = nullptr;
    const char* resume = nullptr;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == *text) {
            ++pattern, ++text;
        } else if (star != nullptr) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        ++pattern;
    return *pattern == '\0';
}

bool matches_any(const List* patterns, const List* names) {
    ListCell* pattern_cell;
    foreach (pattern_cell, patterns) {
        const auto* pattern = static_cast<const TablePattern*>(lfirst(pattern_cell));
        ListCell* name_cell;
        foreach (name_cell, names) {
            const auto* name = static_cast<const TableName*>(lfirst(name_cell));
            if (matches(pattern->schema, name->schema) && matches(pattern->table, name->table)) return true;
        }
    }
    return false;
}

bool names_table(const ColumnMask& mask, const List* names) {
    ListCell* cell;
    foreach (cell, names) {
        const auto* name = static_cast<const TableName*>(lfirst(cell));
        if (is(mask.schema, name->schema) && is(mask.table, name->table)) return true;
    }
    return false;
}

}  // namespace

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

bool options_capture(const Options& options, const List* names) {
    if (options.include_tables != NIL && !matches_any(options.include_tables, names)) return false;
    return !matches_any(options.exclude_tables, names);
}

MaskKind options_mask(const Options& options, const List* names, const char* column) {
    MaskKind strictest = MaskKind::none;
    ListCell* cell;
    foreach (cell, options.masks) {
        const auto* mask = static_cast<const ColumnMask*>(lfirst(cell));
        if (!is(mask->column, column) || !names_table(*mask, names)) continue;
        if (strictest == MaskKind::none || mask->kind == MaskKind::redact) strictest = mask->kind;
    }
    return strictest;
}

}  // namespace cdc
