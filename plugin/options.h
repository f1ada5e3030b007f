// The plugin's options (docs/envelope.md, "Options"), as text from START_REPLICATION, from the slot functions
// or from encode(), checked and typed. One parser for all three, so that a snapshot row and a streamed row
// are made under the same options.
//
// Ownership: everything lives in the memory context that is current when the options are made and set.
// Failure: ereport(ERROR) that names the option and the value, with a hint.
#pragma once

#include "rules.h"
#include "value_encoder.h"

namespace cdc {

// Largest batch_bytes: kLongestText (json_writer.h) leaves room for it in an output message of 1 GB.
constexpr int64 kMaxBatchBytes = INT64CONST(64) * 1024 * 1024;

enum class Messages : uint8 { off, transactional, all };
struct SlotPolicy;

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
    Rules rules;
    const SlotPolicy* policy;  // what the options can't widen (slot_policy.h); null: the slot has none
    int64 batch_bytes;         // 0: one event per output message
    ValueOptions values;
    uint64 given;  // bit per option of the table: each may be given once
};

// off, transactional or all; false for any other word.
bool messages_parse(const char* value, Messages* target);

Options* options_create();

// Sets one option from its text. value may be null (an option without a value): an error.
void options_set(Options* options, const char* name, const char* value);

}  // namespace cdc
