// cdc_envelope.record_definitions() and record_drop(): what the event triggers write into the history.
//
// In C, because a query of the trigger's would read the history under the transaction's own snapshot: under
// REPEATABLE READ that lacks the versions recorded since, and the user's DDL would fail over a duplicate key.
// Here it is read and written as PostgreSQL does its catalogues: under a fresh snapshot (snapmgr.c,
// GetNonHistoricCatalogSnapshot).
//
// Thread: the backend of the DDL. Failure: whatever catalogue access raises; it rolls the DDL back. Memory:
// the caller's short-lived context.

#include "definition.h"
#include "schema_version.h"

extern "C" {
PG_FUNCTION_INFO_V1(cdc_envelope_record_definitions);
PG_FUNCTION_INFO_V1(cdc_envelope_record_drop);
PGDLLEXPORT Datum cdc_envelope_record_definitions(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum cdc_envelope_record_drop(PG_FUNCTION_ARGS);
}

namespace cdc {
namespace {

// Bytes kept of a statement. It is the whole string the client sent, which may hold other statements too.
constexpr int kLongestStatement = 8192;

// A command that may change more tables than this locks the history instead of each of them: the server's
// lock table has room for a few thousand (max_locks_per_transaction), and an ALTER TYPE may reach more. So
// may a DROP SCHEMA, which has a lock on each of them already.
constexpr int kMostLocks = 64;

// What every row of one command has.
struct Command {
    Relation history;
    const char* tag;
    const char* statement;   // null: none
    bool is_history_locked;  // nobody else records until this transaction's end
    bool keeps_columns;      // it has changed no table's columns, only what holds for them
};

// A table under the name it has, or had.
struct Subject {
    const char* schema;
    const char* table;
    Oid relid;
};

// What is known of a table that is gone, each a text[] datum, or 0 (control/cdc_envelope--1.0.sql).
struct Dropped {
    Datum publications;
    Datum ancestors;
};

char* shorten(text* statement) {
    char* const whole = text_to_cstring(statement);
    const int length = static_cast<int>(strlen(whole));
    if (length <= kLongestStatement) return whole;
    const char* const ellipsis = GetDatabaseEncoding() == PG_UTF8 ? "…" : "...";
    return psprintf("%.*s%s", pg_mbcliplen(whole, length, kLongestStatement), whole, ellipsis);
}

Command open_command(text* tag, text* statement, int tables, bool keeps_columns) {
    const Oid history = find_history();
    if (!OidIsValid(history)) {
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table cdc_envelope.schema_history does not exist"),
                 errhint("Run CREATE EXTENSION cdc_envelope.")));
    }
    const bool many = tables > kMostLocks;
    return {table_open(history, many ? ExclusiveLock : RowExclusiveLock), text_to_cstring(tag),
            statement != nullptr ? shorten(statement) : nullptr, many, keeps_columns};
}

int32 version_of(const Command& command, HeapTuple row) {
    return row != nullptr ? history_version_of(RelationGetDescr(command.history), row) : 0;
}

Oid relid_of(const Command& command, HeapTuple row) {
    return history_relation_of(RelationGetDescr(command.history), row);
}

char* text_of(const Command& command, HeapTuple row, HistoryColumn column) {
    return row == nullptr ? nullptr : history_text(RelationGetDescr(command.history), row, column);
}

bool is_named(const Command& command, HeapTuple row, const Subject& subject) {
    return row != nullptr && strcmp(text_of(command, row, history_schema_name), subject.schema) == 0 &&
           strcmp(text_of(command, row, history_table_name), subject.table) == 0;
}

// The row with a table's latest definition, under whatever name it had then; null where there is none. A
// rename leaves two rows of one version: the old name's end, which has no definition, and the new name's
// beginning.
HeapTuple latest_of_table(const Command& command, Oid relid) {
    ScanKeyData key;
    ScanKeyInit(&key, history_relid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    const Oid index = get_relname_relid("schema_history_relation", RelationGetNamespace(command.history));
    SysScanDesc scan = systable_beginscan(command.history, index, OidIsValid(index), nullptr, 1, &key);
    HeapTuple latest = nullptr;
    while (HeapTuple row = systable_getnext(scan)) {
        const int32 version = version_of(command, row);
        const int32 best = version_of(command, latest);
        const bool defined = !heap_attisnull(row, history_definition, RelationGetDescr(command.history));
        if (version > best || (version == best && defined)) latest = heap_copytuple(row);
    }
    systable_endscan(scan);
    return latest;
}

bool is_unbound(const Command& command, HeapTuple row) {
    return row != nullptr && relid_of(command, row) == InvalidOid;
}

// The same, or a later row that came with a dump under the table's name: of the table that it was there, of
// which only the name tells.
HeapTuple latest_of(const Command& command, const Subject& subject) {
    HeapTuple row = latest_of_table(command, subject.relid);
    HeapTuple named = history_latest(command.history, subject.schema, subject.table);
    const bool restored =
        is_unbound(command, named) && text_of(command, named, history_definition) != nullptr;
    return restored && version_of(command, named) > version_of(command, row) ? named : row;
}

// Whether a table may be on its way to the definition that a dump has of it: a script of pg_dump, all of
// which set check_function_bodies off, makes the columns first and goes on to add its constraints. A session
// that has set it for reasons of its own, and changes columns, restores nothing.
bool is_restoring(const Command& command) {
    return command.keeps_columns && !check_function_bodies;
}

void bind(const Command& command, HeapTuple row, Oid relid) {
    int column = history_relid;
    Datum value = ObjectIdGetDatum(relid);
    bool null = false;
    HeapTuple bound =
        heap_modify_tuple_by_cols(row, RelationGetDescr(command.history), 1, &column, &value, &null);
    CatalogTupleUpdate(command.history, &row->t_self, bound);
    CommandCounterIncrement();
}

// definition and previous: null for none.
void insert_row(const Command& command, const Subject& subject, int32 version,
                const TableDefinition* definition, const char* previous, const Dropped& dropped) {
    Datum values[history_columns];
    bool nulls[history_columns] = {};
    const auto set_text = [&](HistoryColumn column, const char* value) {
        nulls[column - 1] = value == nullptr;
        values[column - 1] = value != nullptr ? CStringGetTextDatum(value) : 0;
    };
    set_text(history_schema_name, subject.schema);
    set_text(history_table_name, subject.table);
    values[history_version - 1] = Int32GetDatum(version);
    set_text(history_fingerprint, definition != nullptr ? definition->fingerprint : nullptr);
    set_text(history_definition, definition != nullptr ? definition->json : nullptr);
    set_text(history_previous, previous);
    set_text(history_tag, command.tag);
    set_text(history_statement, command.statement);
    values[history_relid - 1] = ObjectIdGetDatum(subject.relid);
    values[history_restored - 1] = BoolGetDatum(false);
    values[history_recorded_at - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
    values[history_publications - 1] = dropped.publications;
    nulls[history_publications - 1] = dropped.publications == 0;
    values[history_ancestors - 1] = dropped.ancestors;
    nulls[history_ancestors - 1] = dropped.ancestors == 0;
    CatalogTupleInsert(command.history, heap_form_tuple(RelationGetDescr(command.history), values, nulls));
    CommandCounterIncrement();  // the next row of this command builds on it
}

// Ends what stands under a name: from here on no table has it.
int32 record_end(const Command& command, const Subject& subject, const Dropped& dropped) {
    HeapTuple latest = history_latest(command.history, subject.schema, subject.table);
    const char* const previous = text_of(command, latest, history_definition);
    if (previous == nullptr || (!is_unbound(command, latest) && relid_of(command, latest) != subject.relid))
        return version_of(command, latest);
    const int32 version = version_of(command, latest) + 1;
    insert_row(command, subject, version, nullptr, previous, dropped);
    return version;
}

bool is_recorded(const Command& command, const Subject& subject, HeapTuple latest,
                 const TableDefinition& now) {
    const char* const recorded = text_of(command, latest, history_definition);
    return recorded != nullptr && strcmp(recorded, now.json) == 0 && is_named(command, latest, subject);
}

Subject subject_of(Relation relation) {
    return {get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation),
            RelationGetRelid(relation)};
}

// Whether the history lacks a table's present definition, or only knows the table by its name.
bool is_news(const Command& command, Oid relid) {
    Relation relation = RelationIdGetRelation(relid);
    if (relation == nullptr) return false;
    bool news = is_recordable(relation, RelationGetRelid(command.history));
    if (news) {
        const Subject subject = subject_of(relation);
        HeapTuple latest = latest_of(command, subject);
        news =
            is_unbound(command, latest) || !is_recorded(command, subject, latest, table_definition(relation));
    }
    RelationClose(relation);
    return news;
}

// Nobody else records anything of this table until the transaction's end. Two commands may change one table's
// definition side by side, by way of two of its types, or drop it meanwhile. Only commands that do change a
// definition meet here: CREATE INDEX, say, must not wait for another one's end.
void lock_record_of(const Command& command, Oid relid) {
    if (!command.is_history_locked)
        LockDatabaseObject(RelationGetRelid(command.history), relid, 0, ExclusiveLock);
}

// Versions grow along a table's life, over its renames too; and a name that another table had goes on with
// that table's numbers, so that no version of a name ever stands for two definitions. True where there is a
// new one.
bool record(const Command& command, Relation relation) {
    const Subject subject = subject_of(relation);
    const TableDefinition now = table_definition(relation);
    HeapTuple latest = latest_of(command, subject);
    if (is_recorded(command, subject, latest, now)) {
        if (is_unbound(command, latest)) bind(command, latest, subject.relid);
        return false;
    }
    // A table that is being restored has its definition when its last constraint is there, and not before.
    if (is_unbound(command, latest) && is_restoring(command)) return false;

    const char* const previous = text_of(command, latest, history_definition);
    if (previous != nullptr && !is_named(command, latest, subject)) {
        record_end(command,
                   {text_of(command, latest, history_schema_name),
                    text_of(command, latest, history_table_name), subject.relid},
                   {});
    }
    HeapTuple named = history_latest(command.history, subject.schema, subject.table);
    const int32 version = 1 + Max(version_of(command, named), version_of(command, latest));
    insert_row(command, subject, version, &now, previous, {});
    // Who has looked up the table's version already looks again: also a transaction that was open before.
    CacheInvalidateRelcacheByRelid(subject.relid);
    return true;
}

// Closed while the lock is waited for: whoever holds it may have dropped the table, which no open relation
// outlives.
bool record_if_news(const Command& command, Oid relid) {
    if (!is_news(command, relid)) return false;
    lock_record_of(command, relid);
    Relation relation = RelationIdGetRelation(relid);
    if (relation == nullptr) return false;
    const bool recorded = record(command, relation);
    RelationClose(relation);
    return recorded;
}

// Looks at the table as decoding does, without a lock: the command has its own on what it changes itself, and
// one that changes a type must not wait for the tables that use it. What is under way there is recorded by
// whoever does it; only when the extension is made is there nobody yet, and so every table's DDL is waited
// for.
bool record_if_recordable(const Command& command, Oid relid, bool wait) {
    if (wait) LockRelationOid(relid, AccessShareLock);
    const bool recorded = record_if_news(command, relid);
    // To the end the lock would be too much for the lock table, with some thousand tables.
    if (wait) UnlockRelationOid(relid, AccessShareLock);
    return recorded;
}

}  // namespace
}  // namespace cdc

// (relations oid[], tag, statement, wait, keeps_columns): how many new versions there are.
Datum cdc_envelope_record_definitions(PG_FUNCTION_ARGS) {
    using namespace cdc;
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_INT32(0);
    Datum* relids;
    bool* nulls;
    int count;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &relids, &nulls,
                      &count);
    if (count == 0) PG_RETURN_INT32(0);
    const Command command =
        open_command(PG_GETARG_TEXT_PP(1), PG_ARGISNULL(2) ? nullptr : PG_GETARG_TEXT_PP(2), count,
                     !PG_ARGISNULL(4) && PG_GETARG_BOOL(4));
    const bool wait = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
    MemoryContext of_table =
        AllocSetContextCreate(CurrentMemoryContext, "cdc_envelope recorder", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(of_table);
    int32 recorded = 0;
    for (int i = 0; i < count; ++i) {
        CHECK_FOR_INTERRUPTS();
        if (!nulls[i] && record_if_recordable(command, DatumGetObjectId(relids[i]), wait)) ++recorded;
        MemoryContextReset(of_table);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(of_table);
    table_close(command.history, NoLock);
    PG_RETURN_INT32(recorded);
}

// (relation oid, schema_name, table_name, publications text[], ancestors text[], tag, statement, tables
// integer): tables is how many the command drops.
Datum cdc_envelope_record_drop(PG_FUNCTION_ARGS) {
    using namespace cdc;
    constexpr int relation = 0, schema = 1, table = 2, publications = 3, ancestors = 4, tag = 5,
                  statement = 6, tables = 7;
    if (PG_ARGISNULL(relation) || PG_ARGISNULL(schema) || PG_ARGISNULL(table) || PG_ARGISNULL(tag))
        PG_RETURN_VOID();
    const Command command =
        open_command(PG_GETARG_TEXT_PP(tag), PG_ARGISNULL(statement) ? nullptr : PG_GETARG_TEXT_PP(statement),
                     PG_ARGISNULL(tables) ? 1 : PG_GETARG_INT32(tables), false);
    const Subject subject = {text_to_cstring(PG_GETARG_TEXT_PP(schema)),
                             text_to_cstring(PG_GETARG_TEXT_PP(table)), PG_GETARG_OID(relation)};
    lock_record_of(command, subject.relid);
    record_end(command, subject,
               {PG_ARGISNULL(publications) ? 0 : PG_GETARG_DATUM(publications),
                PG_ARGISNULL(ancestors) ? 0 : PG_GETARG_DATUM(ancestors)});
    table_close(command.history, NoLock);
    PG_RETURN_VOID();
}
