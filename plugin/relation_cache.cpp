#include "relation_cache.h"

#include <type_traits>

#include "definition.h"
#include "json_writer.h"
#include "publications.h"
#include "schema_version.h"

namespace cdc {

static_assert(std::is_trivially_destructible_v<RelationEntry>, "longjmp runs no destructor");

namespace {

// The session whose entries the callbacks mark; one a process.
Session* invalidated_session = nullptr;

void forget_session(void* argument) {
    if (invalidated_session == argument) invalidated_session = nullptr;
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
}

void mark_all(Datum, int, uint32) {
    if (invalidated_session != nullptr) invalidated_session->relations_stale = true;
}

void register_callbacks() {
    static bool registered = false;
    if (registered) return;
    CacheRegisterRelcacheCallback(mark_relation, 0);
    for (const int cache :
         {NAMESPACEOID, TYPEOID, PUBLICATIONOID, PUBLICATIONRELMAP, PUBLICATIONNAMESPACEMAP}) {
        CacheRegisterSyscacheCallback(cache, mark_all, 0);
    }
    registered = true;
}

char* make_label(const char* name) {
    StringInfoData text;
    initStringInfo(&text);
    json_append_string(&text, name);
    append_raw(&text, ":");
    return text.data;
}

[[noreturn]] void refuse_masked_key(const char* schema, const char* table, const char* column) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("column \"%s\" of table \"%s.%s\" is masked, but it is part of the table's key", column,
                    schema, table),
             errhint("Take it out of option \"mask\": without the key no consumer can tell rows apart.")));
    pg_unreachable();
}

// The names by which the options may know a table: its own and those of the tables it is a partition of.
List* names_of(Relation relation) {
    List* names = NIL;
    ListCell* cell;
    foreach (cell, with_partition_ancestors(relation)) {
        auto* name = static_cast<TableName*>(palloc(sizeof(TableName)));
        *name = {get_namespace_name(get_rel_namespace(lfirst_oid(cell))), get_rel_name(lfirst_oid(cell))};
        names = lappend(names, name);
    }
    return names;
}

void build_columns(Session* session, RelationEntry* entry, Relation relation, const List* names,
                   const Published& published) {
    TupleDesc descriptor = entry->descriptor;
    const List* const identity = table_identity_columns(relation);
    entry->columns = static_cast<Column*>(palloc0(sizeof(Column) * Max(descriptor->natts, 1)));
    for (int i = 0; i < descriptor->natts; ++i) {
        const FormData_pg_attribute& attribute = *TupleDescAttr(descriptor, i);
        if (!is_live_column(attribute)) continue;
        if (published.columns != nullptr && !bms_is_member(attribute.attnum, published.columns)) continue;
        Column& column = entry->columns[entry->column_count++];
        column.index = i;
        column.name = pstrdup(NameStr(attribute.attname));
        column.label = make_label(column.name);
        column.label_length = static_cast<int>(strlen(column.label));
        column.encoder = value_encoder_create(attribute.atttypid, attribute.atttypmod, session->value_options,
                                              entry->context);
        column.mask = options_mask(*session->options, names, column.name);
        column.in_identity = entry->old_image_is_whole || list_member_int(identity, attribute.attnum);
        entry->uses_output_functions =
            entry->uses_output_functions || value_encoder_uses_output_function(column.encoder);
    }
}

void build_key(RelationEntry* entry, Relation relation, const char* schema) {
    List* const key = table_key_columns(relation);
    entry->key = static_cast<int*>(palloc(sizeof(int) * Max(list_length(key), 1)));
    ListCell* cell;
    foreach (cell, key) {
        int at = 0;
        while (at < entry->column_count && entry->columns[at].index != lfirst_int(cell) - 1)
            ++at;
        if (at == entry->column_count) {  // a publication's column list leaves it out
            entry->key_count = 0;
            return;
        }
        if (entry->columns[at].mask != MaskKind::none) {
            refuse_masked_key(schema, RelationGetRelationName(relation), entry->columns[at].name);
        }
        entry->key[entry->key_count++] = at;
    }
}

void build_texts(Session* session, RelationEntry* entry, Relation relation, const char* schema,
                 const Published& published) {
    const char* const table = RelationGetRelationName(relation);
    const bool as_root = OidIsValid(published.root);
    const char* const shown_schema = as_root ? get_namespace_name(get_rel_namespace(published.root)) : schema;
    const char* const shown_table = as_root ? get_rel_name(published.root) : table;
    StringInfoData text;

    initStringInfo(&text);
    append_raw(&text, "{\"source_id\":\"");
    append_raw(&text, session->database_prefix);
    append_raw(&text, "/");
    append_percent_encoded(&text, shown_schema, strlen(shown_schema));
    append_raw(&text, ".");
    append_percent_encoded(&text, shown_table, strlen(shown_table));
    entry->source_id = text.data;

    initStringInfo(&text);
    append_raw(&text, ",\"schema\":");
    json_append_string(&text, shown_schema);
    append_raw(&text, ",\"table\":");
    json_append_string(&text, shown_table);
    if (as_root) {
        append_raw(&text, ",\"partition\":");
        json_append_string(&text, psprintf("%s.%s", schema, table));
    }
    append_raw(&text, ",\"key\":");
    entry->names = text.data;

    // Versions are counted per table, so they are those of the table that is shown.
    Relation shown = as_root ? relation_open(published.root, AccessShareLock) : relation;
    const TableDefinition definition = table_definition(shown);
    if (as_root) relation_close(shown, AccessShareLock);
    const int32 version = schema_version(session, shown_schema, shown_table, definition.fingerprint);
    entry->version = psprintf(",\"schema_version\":%d,\"op_type\":\"", version);
    entry->fingerprint =
        version == 0 ? psprintf(",\"fingerprint\":\"%s\"", definition.fingerprint) : pstrdup("");
    entry->count_name = psprintf("%s.%s", shown_schema, shown_table);
}

void build(Session* session, RelationEntry* entry, Relation relation) {
    const char* const schema = get_namespace_name(RelationGetNamespace(relation));
    entry->is_history = RelationGetRelid(relation) == history_relation(session);
    if (schema == nullptr || entry->is_history) return;
    if (!is_publishable_relation(relation)) return;  // a materialized view's rows are other tables' rows
    List* const names = names_of(relation);
    if (!options_capture(*session->options, names)) return;
    const Published published = published_as(*session->options, relation);
    if (!published.any) return;
    entry->captured = true;
    memcpy(entry->publishes, published.changes, sizeof(entry->publishes));
    entry->descriptor = CreateTupleDescCopyConstr(RelationGetDescr(relation));
    entry->old_image_is_whole = relation->rd_rel->relreplident == REPLICA_IDENTITY_FULL;
    for (const int side : {kOld, kNew}) {
        entry->values[side] = static_cast<Datum*>(palloc0(sizeof(Datum) * Max(entry->descriptor->natts, 1)));
        entry->nulls[side] = static_cast<bool*>(palloc0(Max(entry->descriptor->natts, 1)));
    }
    build_columns(session, entry, relation, names, published);
    build_key(entry, relation, schema);
    build_texts(session, entry, relation, schema, published);
}

// Every entry is to be built again. Nothing is freed here: a caller may still hold one (callbacks run in the
// middle of catalogue accesses).
void apply_staleness(Session* session) {
    if (!session->relations_stale) return;
    session->relations_stale = false;
    session->history_known = false;
    HASH_SEQ_STATUS entries;
    hash_seq_init(&entries, session->relations);
    while (auto* entry = static_cast<RelationEntry*>(hash_seq_search(&entries)))
        entry->valid = false;
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

    auto* callback = static_cast<MemoryContextCallback*>(
        MemoryContextAlloc(session->context, sizeof(MemoryContextCallback)));
    callback->func = forget_session;
    callback->arg = session;
    MemoryContextRegisterResetCallback(session->context, callback);
    register_callbacks();
    invalidated_session = session;
}

RelationEntry* relation_entry(Session* session, Relation relation) {
    apply_staleness(session);
    const Oid relid = RelationGetRelid(relation);
    bool found = false;
    auto* entry = static_cast<RelationEntry*>(hash_search(session->relations, &relid, HASH_ENTER, &found));
    if (found && entry->valid) return entry;
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
    entry->valid = true;  // before building: an invalidation on the way makes it stale again
    build(session, entry, relation);
    MemoryContextSwitchTo(caller);
    return entry;
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
                        errhint("See the options include_tables, exclude_tables and publication_names.")));
    }
    return entry;
}

}  // namespace cdc
