#include "announcement.h"

#include "capture.h"

namespace cdc {
namespace {

// What the transaction's s events have said last of a table.
struct Announced {
    const char* schema;
    const char* table;
    const char* definition;   // null: the table's end
    const char* fingerprint;  // the same
    int32 early;              // version of a row of the history that is still to come; 0: none
};

// Of what has been warned.
struct WarningKey {
    Oid relation;
    char fingerprint[kFingerprintLength + 1];
};

Announced* find_announced(const Session& session, const char* schema, const char* table) {
    ListCell* cell;
    foreach (cell, session.transaction.announced) {
        auto* announced = static_cast<Announced*>(lfirst(cell));
        if (strcmp(announced->table, table) == 0 && strcmp(announced->schema, schema) == 0) return announced;
    }
    return nullptr;
}

bool says_same(const char* fingerprint, const UnrecordedDefinition& unrecorded) {
    return fingerprint != nullptr && strcmp(fingerprint, unrecorded.definition.fingerprint) == 0;
}

const char* copy(const char* text) {
    return text != nullptr ? pstrdup(text) : nullptr;
}

void set_announced(Session* session, Announced* announced, const SchemaChange& change, bool early) {
    MemoryContext caller = MemoryContextSwitchTo(session->transaction_context);
    if (announced == nullptr) {
        announced = static_cast<Announced*>(palloc(sizeof(Announced)));
        session->transaction.announced = lappend(session->transaction.announced, announced);
    }
    *announced = {copy(change.schema), copy(change.table), copy(change.after), copy(change.fingerprint),
                  early ? change.version : 0};
    MemoryContextSwitchTo(caller);
}

bool is_first_warning(Session* session, const RelationEntry& entry) {
    if (session->warnings == nullptr) {
        HASHCTL control;
        memset(&control, 0, sizeof(control));
        control.keysize = sizeof(WarningKey);
        control.entrysize = sizeof(WarningKey);
        control.hcxt = session->context;
        session->warnings =
            hash_create("cdc_envelope warnings", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    }
    WarningKey key;
    memset(&key, 0, sizeof(key));
    key.relation = entry.shown;
    strcpy(key.fingerprint, entry.unrecorded->definition.fingerprint);
    bool found = false;
    (void)hash_search(session->warnings, &key, HASH_ENTER, &found);
    return !found;
}

void warn(const UnrecordedDefinition& unrecorded) {
    const char* const name = quote_qualified_identifier(unrecorded.schema, unrecorded.table);
    ereport(WARNING, (errmsg("definition of table %s is not in cdc_envelope.schema_history", name),
                      errdetail("Its rows are sent with schema_version 0 and fingerprint %s.",
                                unrecorded.definition.fingerprint),
                      errhint("It was changed while event triggers did not run. Record it with SELECT "
                              "cdc_envelope.record(%s).",
                              quote_literal_cstr(name))));
}

// What the transaction itself records next of the table, where that is this definition; else null.
const SchemaChange* find_own_record(const Session& session, Relation history,
                                    const UnrecordedDefinition& unrecorded, HeapTuple latest,
                                    bool* captured) {
    TupleDesc const descriptor = RelationGetDescr(history);
    const int32 version = latest != nullptr ? history_version_of(descriptor, latest) : 0;
    HeapTuple row = history_recorded_by(history, *session.transaction.source, unrecorded.schema,
                                        unrecorded.table, version);
    if (row == nullptr) return nullptr;
    auto* change = static_cast<SchemaChange*>(palloc(sizeof(SchemaChange)));
    *change = history_change(descriptor, row);
    if (!says_same(change->fingerprint, unrecorded)) return nullptr;
    *captured = captures_definition(*session.options, descriptor, row);
    return change;
}

const SchemaChange* make_unrecorded(const UnrecordedDefinition& unrecorded, Oid relation,
                                    const char* before) {
    auto* change = static_cast<SchemaChange*>(palloc0(sizeof(SchemaChange)));
    change->schema = unrecorded.schema;
    change->table = unrecorded.table;
    change->fingerprint = unrecorded.definition.fingerprint;
    change->before = before;
    change->after = unrecorded.definition.json;
    change->tag = kUnrecordedTag;
    change->relation = relation;
    return change;
}

const SchemaChange* find_due(Session* session, RelationEntry* entry, Relation history) {
    const UnrecordedDefinition& unrecorded = *entry->unrecorded;
    Announced* const announced = find_announced(*session, unrecorded.schema, unrecorded.table);
    HeapTuple latest = history_latest(history, unrecorded.schema, unrecorded.table);
    bool captured = false;
    if (const SchemaChange* own = find_own_record(*session, history, unrecorded, latest, &captured)) {
        relation_entry_set_version(entry, own->version, own->fingerprint);
        if (!captured || (announced != nullptr && announced->early == own->version)) return nullptr;
        set_announced(session, announced, *own, true);
        return own;
    }
    if (is_first_warning(session, *entry)) warn(unrecorded);
    if (announced != nullptr && says_same(announced->fingerprint, unrecorded)) return nullptr;
    const char* before = nullptr;
    if (announced != nullptr)
        before = announced->definition;
    else if (latest != nullptr)
        before = history_text(RelationGetDescr(history), latest, history_definition);
    const SchemaChange* const change = make_unrecorded(unrecorded, entry->shown, before);
    set_announced(session, announced, *change, false);
    return change;
}

}  // namespace

const SchemaChange* announcement_due(Session* session, RelationEntry* entry) {
    if (entry->unrecorded == nullptr || entry->announced_serial == session->transaction.serial)
        return nullptr;
    entry->announced_serial = session->transaction.serial;
    Relation history = RelationIdGetRelation(history_relation(session));
    if (history == nullptr) return nullptr;
    const SchemaChange* const due =
        RelationIsUsedAsCatalogTable(history) ? find_due(session, entry, history) : nullptr;
    RelationClose(history);
    return session->options->ddl ? due : nullptr;
}

bool announce_recorded(Session* session, const SchemaChange& change) {
    Announced* const announced = find_announced(*session, change.schema, change.table);
    if (announced == nullptr) return true;
    const bool early = announced->early == change.version;
    set_announced(session, announced, change, false);
    return !early;
}

}  // namespace cdc
