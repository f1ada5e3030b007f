// Rules: what may leave the server, by table and by column. One set comes from the client's options, another
// from the slot's policy (slot_policy.h); what passes has to pass each of them, so that one only narrows the
// other.
//
// Ownership: everything lives in the memory context that is current when a rule is added. Thread: the backend
// or walsender. Failure: a text that is no rule is a false; the caller knows where it stood.
#pragma once

#include "postgres_api.h"

namespace cdc {

enum class MaskKind : uint8 { none, redact, hash };

// schema.table, each with * for any run of characters.
struct TablePattern {
    char* schema;
    char* table;
};

// schema.table.column, names as they stand in the catalogue; with a mask, or none.
struct ColumnRule {
    char* schema;
    char* table;
    char* column;
    MaskKind mask;
};

// A table's name as it stands in the catalogue.
struct TableName {
    const char* schema;
    const char* table;
};

struct Rules {
    bool only_included;       // no table but those of include_tables
    bool only_published;      // no table but those of publication_names
    List* include_tables;     // of TablePattern*
    List* exclude_tables;     // of TablePattern*
    List* columns;            // of ColumnRule*: a table that is named here shows these columns alone
    List* masks;              // of ColumnRule*
    List* publication_names;  // of char*
};

// Each takes a comma-separated list, with blanks around its items or without; dots and commas inside double
// quotes are part of a name, and so are blanks at its ends. False where the text is no such list, or empty.
bool rules_include(Rules* rules, const char* patterns);
bool rules_exclude(Rules* rules, const char* patterns);
bool rules_show_columns(Rules* rules, const char* columns);
bool rules_mask(Rules* rules, const char* masks);
bool rules_publish(Rules* rules, const char* names);

// names: of TableName*, the table's own and those of the tables it is a partition of: a rule that names any
// of them means it too.
bool rules_capture(const Rules& rules, const List* names);
bool rule_names_table(const ColumnRule& rule, const List* names);
bool rules_show(const Rules& rules, const List* names, const char* column);
// The columns, of char*, that a table is restricted to; NIL where it is not.
List* rules_columns_of(const Rules& rules, const List* names);
// The strictest mask that is given for the column.
MaskKind rules_mask_of(const Rules& rules, const List* names, const char* column);

}  // namespace cdc
