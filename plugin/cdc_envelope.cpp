// The wall between PostgreSQL and C++: the magic block, the callback table and the extern "C" callbacks, each
// of which runs its body in a scratch memory context. No frame here or below holds a destructor (ereport's
// longjmp would skip it), and nothing throws (plugin/Makefile: -fno-exceptions).

#include "announcement.h"
#include "batch.h"
#include "capture.h"
#include "envelope.h"
#include "relation_cache.h"
#include "row_filter.h"
#include "schema_version.h"
#include "settings.h"
#include "text_encoding.h"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks* callbacks);
}

namespace cdc {
namespace {

Session* session_of(LogicalDecodingContext* decoding) {
    return static_cast<Session*>(decoding->output_plugin_private);
}

void skip(Session* session) {
    count_unsent(session);
}

void begin_if_needed(Session* session) {
    Transaction& transaction = session->transaction;
    if (transaction.begun) return;
    transaction.begun = true;
    if (!session->options->transactions) return;
    line_begin(session);
    append_begin_event(*session);
    line_end(session);
}

// Finds or makes the transaction's count of a table; null where nobody asks for it (only the e event does).
TableCount* count_of(Session* session, const char* name) {
    if (!session->options->transactions) return nullptr;
    Transaction& transaction = session->transaction;
    ListCell* cell;
    foreach (cell, transaction.tables) {
        auto* count = static_cast<TableCount*>(lfirst(cell));
        if (strcmp(count->name, name) == 0) return count;
    }
    MemoryContext caller = MemoryContextSwitchTo(session->transaction_context);
    auto* count = static_cast<TableCount*>(palloc(sizeof(TableCount)));
    *count = {pstrdup(name), 0};
    transaction.tables = lappend(transaction.tables, count);
    MemoryContextSwitchTo(caller);
    return count;
}

void count_event(Session* session, TableCount* count) {
    ++session->transaction.next_seq;
    if (count != nullptr) ++count->events;
}

TableCount* count_of(Session* session, RelationEntry* entry) {
    if (entry->count_serial != session->transaction.serial) {
        entry->count = count_of(session, entry->count_name);
        entry->count_serial = session->transaction.serial;
    }
    return entry->count;
}

void pin_settings_if_needed(Session* session, const RelationEntry& entry) {
    if (!entry.uses_output_functions || session->transaction.settings_pinned) return;
    settings_pin_for_transaction();
    session->transaction.settings_pinned = true;
}

void schema_event(Session* session, const SchemaChange& change) {
    begin_if_needed(session);
    line_begin(session);
    append_schema_event(*session, change);
    count_event(session, count_of(session, psprintf("%s.%s", change.schema, change.table)));
    line_end(session);
}

// What has to be said of a table's definition before a row of it.
void announce_definition(Session* session, RelationEntry* entry) {
    const SchemaChange* const due = announcement_due(session, entry);
    if (due != nullptr) schema_event(session, *due);
}

void schema_change(Session* session, Relation relation, ReorderBufferChange* change) {
    session->relations_stale = true;
    HeapTuple row = new_tuple(change);
    if (!session->options->ddl || change->action != REORDER_BUFFER_CHANGE_INSERT || row == nullptr)
        return skip(session);
    TupleDesc descriptor = RelationGetDescr(relation);
    if (!captures_definition(*session->options, descriptor, row)) return skip(session);
    const SchemaChange news = history_change(descriptor, row);
    if (!announce_recorded(session, news)) return skip(session);
    schema_event(session, news);
}

// An image that is there, for its row filter.
const RowValues* values_of(const RowImage& image, bool there, RowValues* values) {
    *values = {image.values, image.nulls};
    return there ? values : nullptr;
}

void row_change(Session* session, Relation relation, ReorderBufferChange* change) {
    if (OidIsValid(relation->rd_rel->relrewrite)) return skip(session);  // kReceivesRewrites
    RelationEntry* const entry = relation_entry(session, relation);
    if (entry->is_history) return schema_change(session, relation, change);
    auto kind = change->action == REORDER_BUFFER_CHANGE_INSERT   ? RowChange::insert
                : change->action == REORDER_BUFFER_CHANGE_UPDATE ? RowChange::update
                                                                 : RowChange::remove;
    if (!entry->captured || !entry->publishes[static_cast<int>(kind)]) return skip(session);

    RowImage before = {};
    RowImage after = {};
    bool has_before = old_tuple(change) != nullptr;
    bool has_after = kind != RowChange::remove && new_tuple(change) != nullptr;
    if (has_before) before = row_image(entry, old_tuple(change), kOld, nullptr);
    if (has_after) after = row_image(entry, new_tuple(change), kNew, has_before ? &before : nullptr);
    if (entry->filter != nullptr) {
        RowValues values[2];
        if (!row_filter_passes(entry->filter, &kind, values_of(before, has_before, &values[kOld]),
                               values_of(after, has_after, &values[kNew])))
            return skip(session);
        has_before = has_before && kind != RowChange::insert;
        has_after = has_after && kind != RowChange::remove;
    }
    pin_settings_if_needed(session, *entry);
    announce_definition(session, entry);
    begin_if_needed(session);
    line_begin(session);
    append_row_event(*session, *entry, kind, has_before ? &before : nullptr, has_after ? &after : nullptr);
    count_event(session, count_of(session, entry));
    line_end(session);
}

bool is_among(Oid relid, int count, Relation relations[]) {
    for (int i = 0; i < count; ++i) {
        if (RelationGetRelid(relations[i]) == relid) return true;
    }
    return false;
}

// One of the tables of a TRUNCATE. Where a partitioned table is emptied as one, its partitions say nothing
// more.
void truncation(Session* session, Relation relation, int count, Relation relations[],
                const ReorderBufferChange& change) {
    RelationEntry* const entry = relation_entry(session, relation);
    if (!entry->captured || !entry->publishes[kTruncateChange]) return skip(session);
    if (entry->shown != RelationGetRelid(relation) && is_among(entry->shown, count, relations))
        return skip(session);
    announce_definition(session, entry);
    begin_if_needed(session);
    line_begin(session);
    append_truncate_event(*session, *entry, change.data.truncate.cascade, change.data.truncate.restart_seqs);
    count_event(session, count_of(session, entry));
    line_end(session);
}

Options* parse_options(List* given) {
    Options* options = options_create();
    ListCell* cell;
    foreach (cell, given) {
        const auto* element = static_cast<const DefElem*>(lfirst(cell));
        options_set(options, element->defname, element->arg != nullptr ? strVal(element->arg) : nullptr);
    }
    return options;
}

// Reads the policy that holds now. A change that is heard of meanwhile makes it be read again.
void read_policy(Session* session) {
    MemoryContext caller = MemoryContextSwitchTo(session->policy_context);
    session->options->policy = nullptr;
    uint64 generation;
    do {
        generation = slot_policy_generation();
        MemoryContextReset(session->policy_context);
        session->options->policy = slot_policy_read(NameStr(session->decoding->slot->data.name));
    } while (generation != slot_policy_generation());
    MemoryContextSwitchTo(caller);
}

// Catalogue entries that were read as of now are of no use to decoding, which goes on in the past. (The SQL
// functions do the same, logicalfuncs.c.)
void forget_present(Session* session) {
    InvalidateSystemCaches();
    session->policy_generation = slot_policy_generation();  // that was no news of the policy
}

// Runs a body with the session's row context as the current one, empty before and after.
template <typename Body>
void in_row_context(LogicalDecodingContext* decoding, const Body& body) {
    Session* const session = session_of(decoding);
    MemoryContext caller = MemoryContextSwitchTo(session->row_context);
    body(session);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(session->row_context);
}

// Runs a body inside a transaction, for catalogue accesses where the walsender has none; one that is open
// already is used. Memory stays with the context that is current.
template <typename Body>
void in_transaction(const Body& body) {
    if (IsTransactionState()) return body();
    MemoryContext context = CurrentMemoryContext;
    StartTransactionCommand();
    MemoryContextSwitchTo(context);
    body();
    CommitTransactionCommand();
    MemoryContextSwitchTo(context);
}

void startup(LogicalDecodingContext* decoding, OutputPluginOptions* plugin_options, bool is_init) {
    plugin_options->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
    plugin_options->receive_rewrites = kReceivesRewrites;
    decline_streaming(decoding);
    if (is_init) return;  // CREATE_REPLICATION_SLOT gives no options
    MemoryContext caller = MemoryContextSwitchTo(decoding->context);
    // A walsender calls this outside a transaction, where the catalogues can't be read.
    in_transaction([decoding] {
        Options* const options = parse_options(decoding->output_plugin_options);
        Session* const session =
            session_create(decoding->context, options, NameStr(decoding->slot->data.name));
        session->decoding = decoding;
        relation_cache_create(session);
        read_policy(session);
        publications_check(*options);
        names_check(*options);
        decoding->output_plugin_private = session;
    });
    forget_present(session_of(decoding));
    MemoryContextSwitchTo(caller);
}

void begin(LogicalDecodingContext* decoding, ReorderBufferTXN* txn) {
    in_row_context(decoding, [txn](Session* session) {
        session_begin_transaction(session, commit_time_of(txn), txn->final_lsn, txn->xid);
        session->transaction.source = txn;
    });
}

void commit(LogicalDecodingContext* decoding, ReorderBufferTXN* txn, XLogRecPtr) {
    in_row_context(decoding, [txn](Session* session) {
        const bool empty = !session->transaction.begun;
        if (!empty && session->options->transactions) {
            line_begin(session);
            append_end_event(*session, txn->end_lsn);
            line_end(session);
        }
        batch_flush(session);
        relation_cache_trim(session);
        update_progress(session->decoding, empty);
    });
}

void change(LogicalDecodingContext* decoding, ReorderBufferTXN*, Relation relation,
            ReorderBufferChange* change) {
    in_row_context(decoding, [relation, change](Session* session) { row_change(session, relation, change); });
}

void truncate(LogicalDecodingContext* decoding, ReorderBufferTXN*, int count, Relation relations[],
              ReorderBufferChange* change) {
    in_row_context(decoding, [count, relations, change](Session* session) {
        for (int i = 0; i < count; ++i)
            truncation(session, relations[i], count, relations, *change);
    });
}

void message(LogicalDecodingContext* decoding, ReorderBufferTXN*, XLogRecPtr lsn, bool transactional,
             const char* prefix, Size size, const char* content) {
    in_row_context(decoding, [=](Session* session) {
        const Messages wanted = messages_captured(*session->options);
        if (wanted == Messages::off || (!transactional && wanted != Messages::all)) return skip(session);
        if (transactional) {
            begin_if_needed(session);
        } else {
            batch_flush(session);
        }
        line_begin(session);
        const auto append = [=] {
            append_message_event(*session, transactional, lsn, prefix, size, content);
        };
        // A non-transactional message comes outside a transaction; only conversion asks the catalogues.
        if (database_is_utf8())
            append();
        else
            in_transaction(append);
        if (transactional) count_event(session, nullptr);
        line_end(session);
        if (!transactional) batch_flush(session);
    });
}

// Called for each record that is decoded, so also just before a transaction is replayed, and never in the
// middle of that: here the catalogues can be read as they are now.
void heed_policy_changes(Session* session) {
    AcceptInvalidationMessages();
    if (session->policy_generation == slot_policy_generation()) return;
    in_transaction([session] { read_policy(session); });
    session->relations_stale = true;
    forget_present(session);
}

bool filter_by_origin(LogicalDecodingContext* decoding, RepOriginId origin) {
    Session* const session = session_of(decoding);
    if (session != nullptr) heed_policy_changes(session);
    return session != nullptr && session->options->own_origin_only && origin != InvalidRepOriginId;
}

void shutdown(LogicalDecodingContext*) {}  // the session goes with the decoding context, also on ERROR

}  // namespace
}  // namespace cdc

void _PG_output_plugin_init(OutputPluginCallbacks* callbacks) {
    callbacks->startup_cb = cdc::startup;
    callbacks->begin_cb = cdc::begin;
    callbacks->change_cb = cdc::change;
    callbacks->truncate_cb = cdc::truncate;
    callbacks->commit_cb = cdc::commit;
    callbacks->message_cb = cdc::message;
    callbacks->filter_by_origin_cb = cdc::filter_by_origin;
    callbacks->shutdown_cb = cdc::shutdown;
}
