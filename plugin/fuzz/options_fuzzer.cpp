// Options and rules from any text: a table, named by schema, table and column, and then name, value, name,
// value …, each ended by a zero byte.
//
// Oracles: an error names the option; what is accepted is in its range; an accepted list, written out again
// with every name in quotes, is read as the same list; a pattern matches as a table of partial matches says.
#include <algorithm>
#include <vector>

#include "backend.h"
#include "input.h"
#include "options.h"

using namespace cdc;

namespace {

// Whether the pattern, in which * is any run of characters, stands for the text: by dynamic programming.
bool naive_match(std::string_view pattern, std::string_view text) {
    std::vector<bool> matched(text.size() + 1,
                              false);  // [i]: what is read of the pattern stands for text[0..i)
    matched[0] = true;
    for (const char c : pattern) {
        std::vector<bool> next(text.size() + 1, false);
        if (c == '*') {
            const auto first = std::find(matched.begin(), matched.end(), true) - matched.begin();
            std::fill(next.begin() + first, next.end(), true);
        } else {
            for (size_t i = 0; i < text.size(); ++i)
                next[i + 1] = matched[i] && text[i] == c;
        }
        matched = next;
    }
    return matched[text.size()];
}

std::string quoted(const char* name) {
    std::string text = "\"";
    for (; *name != '\0'; ++name)
        text += *name == '"' ? "\"\"" : std::string(1, *name);
    return text + '"';
}

template <typename T, typename Call>
void each(const List* list, Call call) {
    ListCell* cell;
    foreach (cell, list)
        call(*static_cast<const T*>(lfirst(cell)));
}

// The lists as the text that would make them, every name in quotes.
struct Written {
    std::string include, exclude, masks, publications;

    explicit Written(const Rules& rules) {
        each<TablePattern>(rules.include_tables, [&](const auto& p) { add(&include, name_of(p)); });
        each<TablePattern>(rules.exclude_tables, [&](const auto& p) { add(&exclude, name_of(p)); });
        each<char>(rules.publication_names, [&](const char& name) { add(&publications, quoted(&name)); });
        each<ColumnRule>(rules.masks, [&](const auto& rule) {
            fuzz::expect(rule.mask != MaskKind::none, "a mask masks");
            add(&masks, name_of(rule) + '.' + quoted(rule.column) +
                            (rule.mask == MaskKind::redact ? ":redact" : ":hash"));
        });
    }
    template <typename T>
    static std::string name_of(const T& table) {
        return quoted(table.schema) + '.' + quoted(table.table);
    }
    static void add(std::string* list, const std::string& item) {
        *list += (list->empty() ? "" : ",") + item;
    }
    bool operator==(const Written& other) const {
        return include == other.include && exclude == other.exclude && masks == other.masks &&
               publications == other.publications;
    }
};

void check_written_again(const Rules& rules) {
    const Written written(rules);
    Rules again{};
    bool read = true;
    if (!written.include.empty()) read &= rules_include(&again, written.include.c_str());
    if (!written.exclude.empty()) read &= rules_exclude(&again, written.exclude.c_str());
    if (!written.masks.empty()) read &= rules_mask(&again, written.masks.c_str());
    if (!written.publications.empty()) read &= rules_publish(&again, written.publications.c_str());
    fuzz::expect(read, "a list that was accepted is accepted with its names in quotes");
    fuzz::expect(Written(again) == written,
                 "a list that was accepted is the same list with its names in quotes");
}

bool naive_matches_any(const List* patterns, const TableName& name) {
    bool any = false;
    each<TablePattern>(patterns, [&](const TablePattern& pattern) {
        any |= naive_match(pattern.schema, name.schema) && naive_match(pattern.table, name.table);
    });
    return any;
}

void check_table(const Rules& rules, TableName name, const char* column) {
    List* const names = lappend(NIL, &name);
    const bool captured = (!rules.only_included || naive_matches_any(rules.include_tables, name)) &&
                          !naive_matches_any(rules.exclude_tables, name);
    fuzz::expect(rules_capture(rules, names) == captured, "a table is captured as its patterns say");

    MaskKind strictest = MaskKind::none;
    each<ColumnRule>(rules.masks, [&](const ColumnRule& rule) {
        if (std::string_view(rule.schema) != name.schema || std::string_view(rule.table) != name.table ||
            std::string_view(rule.column) != column)
            return;
        if (strictest != MaskKind::redact) strictest = rule.mask;
    });
    fuzz::expect(rules_mask_of(rules, names, column) == strictest, "a column has its strictest mask");
}

// Every table and column that a rule names, and one of the input's own.
void check_tables(const Rules& rules, const TableName& other, const char* column) {
    check_table(rules, other, column);
    for (const List* patterns : {rules.include_tables, rules.exclude_tables}) {
        each<TablePattern>(patterns, [&](const auto& p) { check_table(rules, {p.schema, p.table}, column); });
        each<TablePattern>(patterns, [&](const auto& p) {
            check_table(rules, {p.schema, other.table}, column);
        });
    }
    each<ColumnRule>(rules.masks, [&](const auto& rule) {
        check_table(rules, {rule.schema, rule.table}, rule.column);
    });
}

void check_values(const Options& options) {
    fuzz::expect(options.batch_bytes >= 0 && options.batch_bytes <= kMaxBatchBytes,
                 "batch_bytes in its range");
    fuzz::expect(options.values.max_value_bytes >= 1024 && options.values.max_value_bytes <= 536870912,
                 "max_value_bytes in its range");
    fuzz::expect(options.source_commit[0] != '\0', "source_commit is a text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
    fuzz::begin_run(PG_UTF8);
    fuzz::Input input(data, size);
    const TableName table{fuzz::text(input.until('\0')), fuzz::text(input.until('\0'))};
    const char* const column = fuzz::text(input.until('\0'));
    Options* const options = options_create();
    while (!input.empty()) {
        const char* const name = fuzz::text(input.until('\0'));
        const char* const value = input.empty() ? nullptr : fuzz::text(input.until('\0'));
        if (fuzz::raises([&] { options_set(options, name, value); })) {
            fuzz::expect(fuzz::last_error().find(name) != std::string::npos, "an error names the option");
            return 0;
        }
        fuzz::expect(value != nullptr && *value != '\0', "an option has a value");
    }
    check_values(*options);
    check_written_again(options->rules);
    check_tables(options->rules, table, column);
    return 0;
}
