// Session: what lives from startup to shutdown of one decoding session (or one call site of encode()): the
// options, the names and texts that never change, the relation cache and the open transaction.
//
// Ownership: one memory context, a child of the caller's (the LogicalDecodingContext's, or the SQL
// function's), which takes everything with it, also on ERROR. Thread: the backend or walsender.
#pragma once

#include "digest.h"
#include "options.h"
#include "postgres_api.h"
#include "text_output.h"

namespace cdc {

struct RelationEntry;

// How many events of a table the open transaction has had.
struct TableCount {
    char* name;  // schema.table
    int64 events;
};

// The transaction that is being replayed.
struct Transaction {
    Segment stamp;  // ,"ts_source":"…","commit_lsn":"…","xid":N,"seq":
    int64 next_seq;
    List* tables;   // of TableCount*, in order of first appearance
    uint64 serial;  // tells one transaction from the next
    bool begun;     // its b event is written (or would be)
    bool settings_pinned;
    const ReorderBufferTXN* source;
    List* announced;  // of Announced* (announcement.h)
};

struct Session {
    MemoryContext context;  // of the session itself
    MemoryContext transaction_context;
    MemoryContext row_context;    // reset before each change
    MemoryContext value_context;  // reset after each value that is compressed or out of line
    Options* options;
    MemoryContext policy_context;      // of options->policy
    uint64 policy_generation;          // under which it was read (slot_policy.h)
    LogicalDecodingContext* decoding;  // null in encode()

    char* database_prefix;  // pg://<cluster>/<database>
    Segment evidence;       // ,"evidence_id":"sha256:…"}
    char mask_salt[kSha256HexLength + 1];
    ValueOptions value_options;
    const struct ValueEncoder* timestamp;

    HTAB* relations;               // Oid → RelationEntry
    RelationEntry* last_relation;  // the one looked up last; null before the first
    long relations_until_trim;     // how many there are when those out of date are given back
    HTAB* user_types;              // hashes (TYPEOID) of the types that entries have used; null in encode()
    uint64 generation;             // entries of an earlier one are to be built again
    bool has_partitions;           // among the entries
    bool relations_stale;  // something changed that concerns every entry (a schema's name, a publication)
    Oid history;           // cdc_envelope.schema_history, as last looked up
    bool history_known;

    Transaction transaction;
    int unsent;               // changes in a row for which no message went out
    List* publications;       // of char*: those named by the rules that were there when last looked at
    bool publications_stale;  // they are to be looked at again
    HTAB* warnings;           // what has been warned of already (announcement.h); null: nothing yet

    StringInfo out;   // where lines go: decoding->out, or the caller's
    bool batch_open;  // an output message has been begun and not sent
};

// options: complete; default_projection may be null. The session's context is a child of parent.
Session* session_create(MemoryContext parent, Options* options, const char* default_projection);

// Starts a transaction's stamp; in the transaction's context.
void session_begin_transaction(Session* session, TimestampTz commit_time, XLogRecPtr commit_lsn,
                               TransactionId xid);

// Appends "%X/%X" in quotes, and a time as the envelope has it, in quotes.
void append_lsn(StringInfo out, XLogRecPtr lsn);
void append_time(const Session& session, StringInfo out, TimestampTz time);

}  // namespace cdc
