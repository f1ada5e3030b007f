// The plugin's options (docs/envelope.md, "Options"), as text from START_REPLICATION, from the slot functions
// or from encode(), checked and typed. One parser for all three, so that a snapshot row and a streamed row
// are made under the same options.
//
// Ownership: everything lives in the memory context that is current when the options are made and set.
// Failure: ereport(ERROR) that names the option and the value, with a hint.
#pragma once

#include "postgres_api.h"
#include "value_encoder.h"

namespace cdc {

// Largest batch_bytes: kLongestText (json_writer.h) leaves room for it in an output message of 1 GB.
constexpr int64 kMaxBatchBytes = INT64CONST(64) * 1024 * 1024;

enum class Messages : uint8 { off, transactional, all };
enum class MaskKind : uint8 { none, redact, hash };

// schema.table, each with * for any run of characters.
struct TablePattern {
    char* schema;
    char* table;
};

// schema.table.column:redact|hash, names as they stand in the catalogue.
struct ColumnMask {
    char* schema;
    char* table;
    char* column;
    MaskKind kind;
};

// A table's name as it stands in the catalogue.
struct TableName {
    const char* schema;
    const char* table;
};

struct Options {
    char* cluster;     // null: the server's (cluster_name, else its system identifier)
    char* projection;  // null: the slot's name
    char* source_commit;
    bool evidence_literal;
    bool transactions;
    bool ddl;
    bool partition_root;
    bool own_origin_only;  // origin=none: changes that came by replication are left out
    Messages messages;
    List* publication_names;  // of char*
    List* include_tables;     // of TablePattern*; NIL: all
    List* exclude_tables;     // of TablePattern*
    List* masks;              // of ColumnMask*
    int64 batch_bytes;        // 0: one event per output message
    ValueOptions values;
    uint64 given;  // bit per option of the table: each may be given once
};

Options* options_create();

// Sets one option from its text. value may be null (an option without a value): an error.
void options_set(Options* options, const char* name, const char* value);

// Whether include_tables and exclude_tables let a table through. names: of TableName*, its own and those of
// the tables it is a partition of: an option that names any of them means it too.
bool options_capture(const Options& options, const List* names);
// The strictest mask that is given for the column under any of the names.
MaskKind options_mask(const Options& options, const List* names, const char* column);

}  // namespace cdc
