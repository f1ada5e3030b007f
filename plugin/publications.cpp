#include "publications.h"

namespace cdc {
namespace {

// Adds the columns of a column list on table `listed` (attnums, as int2vector) to those of `relid`: a
// partition has the same columns by name, under numbers of its own.
Bitmapset* add_listed_columns(Bitmapset* columns, Datum list, Oid listed, Oid relid) {
    Bitmapset* const numbers = pub_collist_to_bitmapset(nullptr, list, CurrentMemoryContext);
    for (int number = -1; (number = bms_next_member(numbers, number)) >= 0;) {
        const AttrNumber own =
            listed == relid ? static_cast<AttrNumber>(number)
                            : get_attnum(relid, get_attname(listed, static_cast<AttrNumber>(number), false));
        if (own != InvalidAttrNumber) columns = bms_add_member(columns, own);
    }
    return columns;
}

// Reads the publication's row of the table itself or of an ancestor (`relid`): its column list, in column
// numbers of `leaf`; refuses a row filter.
bool is_listed(const Publication& publication, Oid relid, Oid leaf, Bitmapset** columns, bool* all_columns) {
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
        *columns = add_listed_columns(*columns, list, relid, leaf);
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
        if (publication.alltables || by_schema ||
            is_listed(publication, oid, linitial_oid(oids), columns, all_columns))
            outermost = oid;
    }
    return outermost;
}

Oid root_of(Relation relation) {
    return relation->rd_rel->relispartition ? llast_oid(get_partition_ancestors(RelationGetRelid(relation)))
                                            : InvalidOid;
}

}  // namespace

List* with_partition_ancestors(Relation relation) {
    List* const oids = list_make1_oid(RelationGetRelid(relation));
    if (!relation->rd_rel->relispartition) return oids;
    return list_concat(oids, get_partition_ancestors(RelationGetRelid(relation)));
}

bool published_before(const Rules& rules, const char* schema, ArrayType* listed) {
    if (!rules.only_published) return true;
    Datum* names = nullptr;
    int count = 0;
    if (listed != nullptr)
        deconstruct_array(listed, TEXTOID, -1, false, TYPALIGN_INT, &names, nullptr, &count);
    const Oid schema_oid = get_namespace_oid(schema, true);
    List* const of_schema = OidIsValid(schema_oid) ? GetSchemaPublications(schema_oid) : NIL;
    ListCell* cell;
    foreach (cell, rules.publication_names) {
        char* const name = static_cast<char*>(lfirst(cell));
        for (int i = 0; i < count; ++i) {
            if (strcmp(TextDatumGetCString(names[i]), name) == 0) return true;
        }
        const Publication* publication = GetPublicationByName(name, true);
        if (publication == nullptr) continue;
        if (publication->alltables || list_member_oid(of_schema, publication->oid)) return true;
    }
    return false;
}

Published published_by(const Rules& rules, bool by_root, Relation relation) {
    Published published;
    memset(&published, 0, sizeof(published));
    if (by_root) published.root = root_of(relation);
    published.as_one = by_root;
    if (!rules.only_published) {
        published.any = true;
        published.all_columns = true;
        memset(published.changes, true, sizeof(published.changes));
        return published;
    }
    List* const oids = with_partition_ancestors(relation);
    ListCell* cell;
    foreach (cell, rules.publication_names) {
        const Publication* publication = GetPublicationByName(static_cast<char*>(lfirst(cell)), true);
        if (publication == nullptr) continue;  // not made yet where decoding is
        const Oid as = published_ancestor(*publication, oids, &published.columns, &published.all_columns);
        if (!OidIsValid(as)) continue;
        published.any = true;
        const PublicationActions& actions = publication->pubactions;
        const bool changes[4] = {actions.pubinsert, actions.pubupdate, actions.pubdelete,
                                 actions.pubtruncate};
        for (int i = 0; i < 4; ++i)
            published.changes[i] = published.changes[i] || changes[i];
        if (publication->pubviaroot && as != RelationGetRelid(relation)) published.root = as;
        published.as_one = published.as_one || publication->pubviaroot;
    }
    return published;
}

Published published_by_both(const Published& one, const Published& other) {
    Published both = one;
    both.any = one.any && other.any;
    for (int i = 0; i < 4; ++i)
        both.changes[i] = one.changes[i] && other.changes[i];
    both.all_columns = one.all_columns && other.all_columns;
    both.columns = one.all_columns     ? other.columns
                   : other.all_columns ? one.columns
                                       : bms_intersect(one.columns, other.columns);
    if (!OidIsValid(both.root)) both.root = other.root;
    both.as_one = one.as_one || other.as_one;
    return both;
}

}  // namespace cdc
