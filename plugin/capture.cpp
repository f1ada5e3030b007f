#include "capture.h"

namespace cdc {
namespace {

bool captures_present(const Options& options, Relation relation, List* names) {
    if (!options_capture(options, list_concat(names, table_names(relation)))) return false;
    const Published published = published_as(options, relation);
    return published.any && !OidIsValid(published.root);
}

bool captures_gone(const Options& options, const char* schema, List* names, Datum publications, bool none) {
    if (!options_capture(options, names)) return false;
    return published_before(options, schema, none ? nullptr : DatumGetArrayTypeP(publications));
}

}  // namespace

List* table_names(Relation relation) {
    List* names = NIL;
    ListCell* cell;
    foreach (cell, with_partition_ancestors(relation)) {
        auto* name = static_cast<TableName*>(palloc(sizeof(TableName)));
        *name = {get_namespace_name(get_rel_namespace(lfirst_oid(cell))), get_rel_name(lfirst_oid(cell))};
        names = lappend(names, name);
    }
    return names;
}

bool captures_definition(const Options& options, TupleDesc history, HeapTuple row) {
    TableName recorded = {history_text(history, row, history_schema_name),
                          history_text(history, row, history_table_name)};
    List* const names = list_make1(&recorded);
    bool null = false;
    const Oid relid = DatumGetObjectId(heap_getattr(row, history_relid, history, &null));
    const Datum publications = heap_getattr(row, history_publications, history, &null);
    Relation relation = RelationIdGetRelation(relid);
    if (relation == nullptr) return captures_gone(options, recorded.schema, names, publications, null);
    const bool captured = captures_present(options, relation, names);
    RelationClose(relation);
    return captured;
}

}  // namespace cdc
