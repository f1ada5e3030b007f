#include "relation_cache.h"

#include <type_traits>

#include "capture.h"
#include "definition.h"
#include "extension_tables.h"
#include "json_writer.h"
#include "row_filter.h"
#include "schema_version.h"

namespace cdc {

static_assert(std::is_trivially_destructible_v<RelationEntry>, "longjmp runs no destructor");

namespace {

// Fewer entries than this are not looked through for old ones.
constexpr long kLeastTrimmed = 128;

// The session whose entries the callbacks mark; one a process.
Session* invalidated_session = nullptr;

void forget_session(void* argument) {
    if (invalidated_session == argument) invalidated_session = nullptr;
}

// A partition's entry depends on the names and definitions above it.
void mark_partitions_of(Oid relid) {
    HASH_SEQ_STATUS entries;
    hash_seq_init(&entries, invalidated_session->relations);
    while (auto* entry = static_cast<RelationEntry*>(hash_seq_search(&entries))) {
        if (list_member_oid(entry->lineage, relid)) entry->valid = false;
    }
}

void mark_relation(Datum, Oid relid) {
    if (invalidated_session == nullptr) return;
    invalidated_session->history_known = false;
    if (!OidIsValid(relid)) {
        invalidated_session->relations_stale = true;
        return;
    }
    auto* entry =
        static_cast<RelationEntry*>(hash_search(invalidated_session->relations, &relid, HASH_FIND, nullptr));
    if (entry != nullptr) entry->valid = false;
    if (invalidated_session->has_partitions) mark_partitions_of(relid);
}

void mark_all(Datum, int, uint32) {
    if (invalidated_session != nullptr) invalidated_session->relations_stale = true;
}

bool uses_type(const RelationEntry& entry, uint32 hash) {
    for (int i = 0; i < entry.user_type_count; ++i) {
        if (entry.user_types[i] == hash) return true;
    }
    return false;
}

// A type's name stands in definitions. Every CREATE TABLE comes by here, with types that no entry uses: among
// thousands of tables these must not look at every entry.
void mark_users_of_type(Datum, int, uint32 hash) {
    if (invalidated_session == nullptr) return;
    if (hash != 0 && hash_search(invalidated_session->user_types, &hash, HASH_FIND, nullptr) == nullptr)
        return;
    HASH_SEQ_STATUS entries;
    hash_seq_init(&entries, invalidated_session->relations);
    while (auto* entry = static_cast<RelationEntry*>(hash_seq_search(&entries))) {
        if (hash == 0 || uses_type(*entry, hash)) entry->valid = false;
    }
}

void register_callbacks() {
    static bool registered = false;
    if (registered) return;
    CacheRegisterRelcacheCallback(mark_relation, 0);
    CacheRegisterSyscacheCallback(TYPEOID, mark_users_of_type, 0);
    CacheRegisterSyscacheCallback(NAMESPACEOID, mark_all, 0);
    CacheRegisterSyscacheCallback(PROCOID, mark_all, 0);  // what an output function promises
    for (const int cache : kPublicationCaches) {
        CacheRegisterSyscacheCallback(cache, mark_all, 0);
    }
    registered = true;
}

Segment make_label(const char* name) {
    StringInfoData text;
    initStringInfo(&text);
    append_char(&text, ',');
    json_append_string(&text, name);
    append_char(&text, ':');
    return make_segment(&text);
}

constexpr char kWhyTheKey[] = "without the key no consumer can tell rows apart";

// The client is not told the name of what is hidden from it; the server's log is.
[[noreturn]] void refuse_hidden_key(const char* schema, const char* table, const char* column) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("a column of the key of table \"%s.%s\" is hidden", schema, table),
                    errdetail_log("The column is \"%s\".", column),
                    errhint("Show the whole key in the columns of the slot's policy: %s.", kWhyTheKey)));
    pg_unreachable();
}

[[noreturn]] void refuse_masked_key(const char* schema, const char* table, const char* column,
                                    const char* remedy) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("column \"%s\" of table \"%s.%s\" is masked, but it is part of the table's key",
                           column, schema, table),
                    errhint("%s: %s.", remedy, kWhyTheKey)));
    pg_unreachable();
}

void add_column(Session* session, RelationEntry* entry, const FormData_pg_attribute& attribute,
                const List* identity, const List* names) {
    Column& column = entry->columns[entry->column_count++];
    column.index = attribute.attnum - 1;
    column.name = pstrdup(NameStr(attribute.attname));
    column.label = make_label(column.name);
    column.type_length = attribute.attlen;
    column.by_value = attribute.attbyval;
    column.encoder =
        value_encoder_create(attribute.atttypid, attribute.atttypmod, session->value_options, entry->context);
    column.mask = mask_of(*session->options, names, column.name);
    column.in_identity = entry->old_image_is_whole || list_member_int(identity, attribute.attnum);
    entry->uses_output_functions =
        entry->uses_output_functions || value_encoder_uses_output_function(column.encoder);
    if (attribute.atttypid >= FirstNormalObjectId) {
        const uint32 hash = GetSysCacheHashValue1(TYPEOID, ObjectIdGetDatum(attribute.atttypid));
        entry->user_types[entry->user_type_count++] = hash;
        if (session->user_types != nullptr) hash_search(session->user_types, &hash, HASH_ENTER, nullptr);
    }
}

// The column of that name; null where there is none.
const FormData_pg_attribute* find_column(TupleDesc descriptor, const char* name) {
    for (int i = 0; i < descriptor->natts; ++i) {
        const FormData_pg_attribute& column = *TupleDescAttr(descriptor, i);
        if (is_live_column(column) && strcmp(NameStr(column.attname), name) == 0) return &column;
    }
    return nullptr;
}

// The columns in the order of the table that is shown: a partition has the same ones, in an order of its own.
void build_columns(Session* session, RelationEntry* entry, Relation relation, Relation shown,
                   const List* names, const Published& published) {
    TupleDesc order = RelationGetDescr(shown);
    const Size room = static_cast<Size>(Max(order->natts, 1));
    const List* const identity = table_identity_columns(relation);
    entry->columns = static_cast<Column*>(palloc0(sizeof(Column) * room));
    entry->members = static_cast<MemberText*>(palloc(sizeof(MemberText) * room));
    entry->user_types = static_cast<uint32*>(palloc(sizeof(uint32) * room));
    for (int i = 0; i < order->natts; ++i) {
        const FormData_pg_attribute* attribute = TupleDescAttr(order, i);
        if (!is_live_column(*attribute)) continue;
        if (shown != relation) attribute = find_column(entry->descriptor, NameStr(attribute->attname));
        if (attribute == nullptr) continue;
        if (!published.all_columns && !bms_is_member(attribute->attnum, published.columns)) continue;
        if (!captures_column(*session->options, names, NameStr(attribute->attname))) continue;
        add_column(session, entry, *attribute, identity, names);
    }
}

void build_key(Session* session, RelationEntry* entry, Relation shown, const char* schema,
               const List* names) {
    List* const key = table_key_columns(shown);
    entry->key = static_cast<int*>(palloc(sizeof(int) * static_cast<Size>(Max(list_length(key), 1))));
    ListCell* cell;
    foreach (cell, key) {
        const char* const name =
            NameStr(TupleDescAttr(RelationGetDescr(shown), lfirst_int(cell) - 1)->attname);
        int at = 0;
        while (at < entry->column_count && strcmp(entry->columns[at].name, name) != 0)
            ++at;
        if (!captures_column(*session->options, names, name))
            refuse_hidden_key(schema, RelationGetRelationName(shown), name);
        if (at == entry->column_count) {  // a publication's column list leaves it out
            entry->key_count = 0;
            return;
        }
        if (entry->columns[at].mask != MaskKind::none)
            refuse_masked_key(schema, RelationGetRelationName(shown), name,
                              rules_mask_of(session->options->rules, names, name) != MaskKind::none
                                  ? "Take it out of option \"mask\""
                                  : "Take it out of the masks in the slot's policy");
        entry->key[entry->key_count++] = at;
    }
}

void build_names(Session* session, RelationEntry* entry, Relation relation, Relation shown,
                 const char* schema) {
    const char* const table = RelationGetRelationName(shown);
    StringInfoData text;

    initStringInfo(&text);
    append_raw(&text, "{\"source_id\":\"");
    append_raw(&text, session->database_prefix);
    append_raw(&text, "/");
    append_percent_encoded(&text, schema, strlen(schema));
    append_raw(&text, ".");
    append_percent_encoded(&text, table, strlen(table));
    entry->source_id = make_segment(&text);

    initStringInfo(&text);
    append_raw(&text, ",\"schema\":");
    json_append_string(&text, schema);
    append_raw(&text, ",\"table\":");
    json_append_string(&text, table);
    if (shown != relation) {
        append_raw(&text, ",\"partition\":");
        json_append_string(&text, psprintf("%s.%s", get_namespace_name(RelationGetNamespace(relation)),
                                           RelationGetRelationName(relation)));
    }
    append_raw(&text, ",\"key\":");
    entry->names = make_segment(&text);
    entry->count_name = psprintf("%s.%s", schema, table);
}

void build_version(Session* session, RelationEntry* entry, Relation shown, const char* schema) {
    // What this takes is not kept: definitions are as long as their tables are wide.
    MemoryContext lasting = MemoryContextSwitchTo(session->row_context);
    TableDefinition definition = table_definition(shown);
    const char* const table = RelationGetRelationName(shown);
    const int32 version = schema_version(session, schema, table, definition.fingerprint);
    relation_entry_set_version(entry, version, definition.fingerprint);
    const Oid history = history_relation(session);
    MemoryContextSwitchTo(lasting);
    if (version != 0 || !OidIsValid(history) || !is_recordable(shown, history)) return;
    auto* unrecorded = static_cast<UnrecordedDefinition*>(palloc(sizeof(UnrecordedDefinition)));
    definition.json = pstrdup(definition.json);
    *unrecorded = {pstrdup(schema), pstrdup(table), definition};
    entry->unrecorded = unrecorded;
}

// shown: the table whose name, definition, key and order of columns the events have; the relation itself, or
// the one it is a partition of.
void build_captured(Session* session, RelationEntry* entry, Relation relation, Relation shown,
                    const List* names, const Published& published) {
    entry->captured = true;
    memcpy(entry->publishes, published.changes, sizeof(entry->publishes));
    entry->shown = RelationGetRelid(shown);
    // A partitioned table has no rows. A TRUNCATE of it is one of its partitions, unless they go by its name.
    if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE && (!published.as_one || shown != relation))
        entry->publishes[kTruncateChange] = false;
    entry->descriptor = CreateTupleDescCopyConstr(RelationGetDescr(relation));
    entry->filter = row_filter_compile(published.rows, relation);
    entry->old_image_is_whole = relation->rd_rel->relreplident == REPLICA_IDENTITY_FULL;
    const Size natts = static_cast<Size>(Max(entry->descriptor->natts, 1));
    for (const int side : {kOld, kNew}) {
        entry->values[side] = static_cast<Datum*>(palloc0(sizeof(Datum) * natts));
        entry->nulls[side] = static_cast<bool*>(palloc0(natts));
    }
    const char* const schema = get_namespace_name(RelationGetNamespace(shown));
    build_columns(session, entry, relation, shown, names, published);
    build_key(session, entry, shown, schema, names);
    build_names(session, entry, relation, shown, schema);
    build_version(session, entry, shown, schema);
}

void build(Session* session, RelationEntry* entry, Relation relation) {
    entry->is_history = RelationGetRelid(relation) == history_relation(session);
    if (entry->is_history || is_extension_table(relation)) return;
    if (!is_publishable_relation(relation)) return;  // a materialized view's rows are other tables' rows
    if (relation->rd_rel->relispartition) {
        entry->lineage = with_partition_ancestors(relation);
        session->has_partitions = true;
    }
    List* const names = table_names(relation);
    if (!captures_table(*session->options, names)) return;
    const Published published = published_as(*session->options, relation);
    if (!published.any) return;
    Relation root = OidIsValid(published.root) ? RelationIdGetRelation(published.root) : nullptr;
    build_captured(session, entry, relation, root != nullptr ? root : relation, names, published);
    if (root != nullptr) RelationClose(root);
}

// Every entry is to be built again. Nothing is freed here: a caller may still hold one (callbacks run in the
// middle of catalogue accesses).
void apply_staleness(Session* session) {
    if (!session->relations_stale) return;
    session->relations_stale = false;
    session->publications_stale = true;
    session->history_known = false;
    ++session->generation;
}

}  // namespace

void relation_cache_create(Session* session) {
    HASHCTL control;
    memset(&control, 0, sizeof(control));
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(RelationEntry);
    control.hcxt = session->context;
    session->relations =
        hash_create("cdc_envelope relations", 128, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    control.keysize = sizeof(uint32);
    control.entrysize = sizeof(uint32);
    session->relations_until_trim = kLeastTrimmed;
    session->relations_stale = true;  // nothing has been looked at
    session->user_types =
        hash_create("cdc_envelope types", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

    auto* callback = static_cast<MemoryContextCallback*>(
        MemoryContextAlloc(session->context, sizeof(MemoryContextCallback)));
    callback->func = forget_session;
    callback->arg = session;
    MemoryContextRegisterResetCallback(session->context, callback);
    register_callbacks();
    invalidated_session = session;
}

void relation_entry_set_version(RelationEntry* entry, int32 version, const char* fingerprint) {
    MemoryContext caller = MemoryContextSwitchTo(entry->context);
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfo(&text, ",\"schema_version\":%d,\"op_type\":\"", version);
    entry->version = make_segment(&text);
    initStringInfo(&text);
    if (version == 0) appendStringInfo(&text, ",\"fingerprint\":\"%s\"", fingerprint);
    entry->fingerprint = make_segment(&text);
    MemoryContextSwitchTo(caller);
}

namespace {

bool is_up_to_date(const Session& session, const RelationEntry& entry) {
    return entry.valid && entry.generation == session.generation;
}

}  // namespace

RelationEntry* relation_entry(Session* session, Relation relation) {
    apply_staleness(session);
    if (session->publications_stale) {
        session->publications_stale = false;
        dropped_publications_check(*session->options, session->context, &session->publications);
    }
    const Oid relid = RelationGetRelid(relation);
    // A transaction's changes mostly come table by table, so the entry is mostly the one of before.
    RelationEntry* const last = session->last_relation;
    if (last != nullptr && last->relid == relid && is_up_to_date(*session, *last)) return last;
    bool found = false;
    auto* entry = static_cast<RelationEntry*>(hash_search(session->relations, &relid, HASH_ENTER, &found));
    session->last_relation = entry;  // stays where it is until relation_cache_trim
    if (found && is_up_to_date(*session, *entry)) return entry;
    MemoryContext context = found ? entry->context : nullptr;
    memset(entry, 0, sizeof(*entry));
    entry->relid = relid;
    entry->context = context;  // kept where building raises
    if (context == nullptr) {
        entry->context =
            AllocSetContextCreate(session->context, "cdc_envelope relation", ALLOCSET_SMALL_SIZES);
    } else {
        MemoryContextReset(context);
    }
    MemoryContext caller = MemoryContextSwitchTo(entry->context);
    entry->generation = session->generation;
    entry->valid = true;  // before building: an invalidation on the way makes it stale again
    build(session, entry, relation);
    MemoryContextSwitchTo(caller);
    return entry;
}

void relation_cache_trim(Session* session) {
    if (hash_get_num_entries(session->relations) < session->relations_until_trim) return;
    apply_staleness(session);
    session->last_relation = nullptr;
    HASH_SEQ_STATUS entries;
    hash_seq_init(&entries, session->relations);
    while (auto* entry = static_cast<RelationEntry*>(hash_seq_search(&entries))) {
        if (is_up_to_date(*session, *entry)) continue;
        if (entry->context != nullptr) MemoryContextDelete(entry->context);
        hash_search(session->relations, &entry->relid, HASH_REMOVE, nullptr);
    }
    session->relations_until_trim = Max(kLeastTrimmed, 2 * hash_get_num_entries(session->relations));
}

RelationEntry* relation_entry_alone(Session* session, Relation relation) {
    auto* entry = static_cast<RelationEntry*>(palloc0(sizeof(RelationEntry)));
    entry->relid = RelationGetRelid(relation);
    entry->context = CurrentMemoryContext;
    build(session, entry, relation);
    if (!entry->captured) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("table \"%s\" is not captured under these options",
                               RelationGetRelationName(relation)),
                        errhint("See the options include_tables, exclude_tables and publication_names, and "
                                "the policy of the slot.")));
    }
    return entry;
}

}  // namespace cdc
