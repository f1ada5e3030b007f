#include "publications.h"

namespace cdc {
namespace {

// The table itself and its partition ancestors, nearest first.
List* with_ancestors(Relation relation) {
    List* oids = list_make1_oid(RelationGetRelid(relation));
    if (relation->rd_rel->relispartition)
        oids = list_concat(oids, get_partition_ancestors(RelationGetRelid(relation)));
    return oids;
}

// Reads the table's own row of the publication: its column list, and refuses a row filter.
bool is_listed(const Publication& publication, Oid relid, Bitmapset** columns, bool* all_columns) {
    HeapTuple row =
        SearchSysCache2(PUBLICATIONRELMAP, ObjectIdGetDatum(relid), ObjectIdGetDatum(publication.oid));
    if (!HeapTupleIsValid(row)) return false;
    bool null = true;
    (void)SysCacheGetAttr(PUBLICATIONRELMAP, row, Anum_pg_publication_rel_prqual, &null);
    if (!null) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("publication \"%s\" has a row filter on table \"%s\"", publication.name,
                               get_rel_name(relid)),
                        errhint("Row filters are not supported: take the filter out of the publication, or "
                                "name another one in "
                                "option \"publication_names\".")));
    }
    const Datum list = SysCacheGetAttr(PUBLICATIONRELMAP, row, Anum_pg_publication_rel_prattrs, &null);
    if (null) {
        *all_columns = true;
    } else {
        *columns = pub_collist_to_bitmapset(*columns, list, CurrentMemoryContext);
    }
    ReleaseSysCache(row);
    return true;
}

// The outermost of the table and its ancestors that this publication has; InvalidOid where it has none of
// them.
Oid published_ancestor(const Publication& publication, List* oids, Bitmapset** columns, bool* all_columns) {
    Oid outermost = InvalidOid;
    ListCell* cell;
    foreach (cell, oids) {
        const Oid oid = lfirst_oid(cell);
        const bool by_schema =
            list_member_oid(GetSchemaPublications(get_rel_namespace(oid)), publication.oid);
        if (by_schema) *all_columns = true;
        if (publication.alltables) *all_columns = true;
        if (publication.alltables || by_schema || is_listed(publication, oid, columns, all_columns))
            outermost = oid;
    }
    return outermost;
}

Oid root_of(Relation relation) {
    return relation->rd_rel->relispartition ? llast_oid(get_partition_ancestors(RelationGetRelid(relation)))
                                            : InvalidOid;
}

}  // namespace

Published published_as(const Options& options, Relation relation) {
    Published published;
    memset(&published, 0, sizeof(published));
    if (options.partition_root) published.root = root_of(relation);
    if (options.publication_names == NIL) {
        published.any = true;
        memset(published.changes, true, sizeof(published.changes));
        return published;
    }
    List* const oids = with_ancestors(relation);
    bool all_columns = false;
    ListCell* cell;
    foreach (cell, options.publication_names) {
        const Publication* publication = GetPublicationByName(static_cast<char*>(lfirst(cell)), false);
        const Oid as = published_ancestor(*publication, oids, &published.columns, &all_columns);
        if (!OidIsValid(as)) continue;
        published.any = true;
        const PublicationActions& actions = publication->pubactions;
        const bool changes[4] = {actions.pubinsert, actions.pubupdate, actions.pubdelete,
                                 actions.pubtruncate};
        for (int i = 0; i < 4; ++i)
            published.changes[i] = published.changes[i] || changes[i];
        if (publication->pubviaroot && as != RelationGetRelid(relation)) published.root = as;
    }
    if (all_columns) published.columns = nullptr;
    return published;
}

}  // namespace cdc
