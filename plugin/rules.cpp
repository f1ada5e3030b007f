#include "rules.h"

#include <type_traits>

namespace cdc {

static_assert(std::is_trivially_destructible_v<Rules>, "longjmp runs no destructor");

namespace {

bool is(const char* value, const char* word) {
    return strcmp(value, word) == 0;
}

// White space of SQL (scansup.c, scanner_isspace).
bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// An item without the blanks around it, as in PostgreSQL's own lists of names (varlena.c,
// SplitIdentifierString); in a name they need quotes there.
char* trimmed(char* item) {
    while (is_blank(*item))
        ++item;
    char* end = item + strlen(item);
    while (end > item && is_blank(end[-1]))
        --end;
    *end = '\0';
    return item;
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
            return trimmed(item);
        }
    }
    *rest = nullptr;
    return trimmed(item);
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

bool add_patterns(List** target, const char* value) {
    char* rest = pstrdup(value);
    while (char* item = next_item(&rest)) {
        char* parts[2];
        if (!split_name(item, parts, 2)) return false;
        auto* pattern = static_cast<TablePattern*>(palloc(sizeof(TablePattern)));
        *pattern = {parts[0], parts[1]};
        *target = lappend(*target, pattern);
    }
    return true;
}

// Takes ":redact" or ":hash" off the end of a rule; none where there is neither.
MaskKind take_mask(char* item) {
    char* const colon = strrchr(item, ':');
    if (colon == nullptr) return MaskKind::none;
    const MaskKind kind = is(colon, ":redact") ? MaskKind::redact
                          : is(colon, ":hash") ? MaskKind::hash
                                               : MaskKind::none;
    if (kind != MaskKind::none) *colon = '\0';
    return kind;
}

bool add_columns(List** target, const char* value, bool masked) {
    char* rest = pstrdup(value);
    while (char* item = next_item(&rest)) {
        const MaskKind mask = masked ? take_mask(item) : MaskKind::none;
        char* parts[3];
        if (masked != (mask != MaskKind::none) || !split_name(trimmed(item), parts, 3)) return false;
        auto* column = static_cast<ColumnRule*>(palloc(sizeof(ColumnRule)));
        *column = {parts[0], parts[1], parts[2], mask};
        *target = lappend(*target, column);
    }
    return true;
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

}  // namespace

bool rules_include(Rules* rules, const char* patterns) {
    rules->only_included = true;
    return add_patterns(&rules->include_tables, patterns);
}

bool rules_exclude(Rules* rules, const char* patterns) {
    return add_patterns(&rules->exclude_tables, patterns);
}

bool rules_show_columns(Rules* rules, const char* columns) {
    return add_columns(&rules->columns, columns, false);
}

bool rules_mask(Rules* rules, const char* masks) {
    return add_columns(&rules->masks, masks, true);
}

bool rules_publish(Rules* rules, const char* names) {
    rules->only_published = true;
    char* rest = pstrdup(names);
    while (char* item = next_item(&rest)) {
        char* part;
        if (!split_name(item, &part, 1)) return false;
        rules->publication_names = lappend(rules->publication_names, part);
    }
    return true;
}

bool rules_capture(const Rules& rules, const List* names) {
    if (rules.only_included && !matches_any(rules.include_tables, names)) return false;
    return !matches_any(rules.exclude_tables, names);
}

bool rule_names_table(const ColumnRule& rule, const List* names) {
    ListCell* cell;
    foreach (cell, names) {
        const auto* name = static_cast<const TableName*>(lfirst(cell));
        if (is(rule.schema, name->schema) && is(rule.table, name->table)) return true;
    }
    return false;
}

List* rules_columns_of(const Rules& rules, const List* names) {
    List* columns = NIL;
    ListCell* cell;
    foreach (cell, rules.columns) {
        const auto* rule = static_cast<const ColumnRule*>(lfirst(cell));
        if (rule_names_table(*rule, names)) columns = lappend(columns, rule->column);
    }
    return columns;
}

bool rules_show(const Rules& rules, const List* names, const char* column) {
    List* const columns = rules_columns_of(rules, names);
    ListCell* cell;
    foreach (cell, columns) {
        if (is(static_cast<const char*>(lfirst(cell)), column)) return true;
    }
    return columns == NIL;
}

MaskKind rules_mask_of(const Rules& rules, const List* names, const char* column) {
    MaskKind strictest = MaskKind::none;
    ListCell* cell;
    foreach (cell, rules.masks) {
        const auto* rule = static_cast<const ColumnRule*>(lfirst(cell));
        if (!is(rule->column, column) || !rule_names_table(*rule, names)) continue;
        if (strictest == MaskKind::none || rule->mask == MaskKind::redact) strictest = rule->mask;
    }
    return strictest;
}

}  // namespace cdc
