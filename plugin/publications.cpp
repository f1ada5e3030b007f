#include "publications.h"

namespace cdc {
namespace {

// One publication that has the table, itself or by a table it is a partition of.
struct Listing {
    const Publication* publication;
    Oid as;  // whose entry and whose name counts: the table's own, or with publish_via_partition_root the
             // outermost one's that the publication has
    bool by_entry;  // it is listed for itself, so that there may be a column list and a row filter
};

// Where this publication has the table; as is InvalidOid where it does not. oids: with_partition_ancestors.
Listing listing_of(const Publication& publication, const List* oids) {
    Listing listing = {&publication, InvalidOid, false};
    ListCell* cell;
    foreach (cell, oids) {
        const Oid oid = lfirst_oid(cell);
        const bool whole = publication.alltables ||
                           list_member_oid(schema_publications(get_rel_namespace(oid)), publication.oid);
        if (whole || SearchSysCacheExists2(PUBLICATIONRELMAP, ObjectIdGetDatum(oid),
                                           ObjectIdGetDatum(publication.oid)))
            listing.as = oid;
    }
    if (OidIsValid(listing.as) && !publication.pubviaroot) listing.as = linitial_oid(oids);
    if (OidIsValid(listing.as)) {
        const Oid schema = get_rel_namespace(listing.as);
        listing.by_entry =
            !publication.alltables && !list_member_oid(schema_publications(schema), publication.oid);
    }
    return listing;
}

// Adds the columns of a column list on table `listed` (attnums, as int2vector) to those of `relid`: a
// partition has the same columns by name, under numbers of its own.
Bitmapset* add_listed_columns(Bitmapset* columns, Datum list, Oid listed, Oid relid) {
    Bitmapset* const numbers = column_numbers(list);
    for (int number = -1; (number = bms_next_member(numbers, number)) >= 0;) {
        const AttrNumber own =
            listed == relid ? static_cast<AttrNumber>(number)
                            : get_attnum(relid, get_attname(listed, static_cast<AttrNumber>(number), false));
        if (own != InvalidAttrNumber) columns = bms_add_member(columns, own);
    }
    return columns;
}

// Which rows the publications seen so far let through unfiltered, while they are collected.
struct Unfiltered {
    bool when[3];
    bool always;
};

// Takes a publication's row filter, null where it has none, into those of the table.
void add_filter(PublishedRows* rows, Unfiltered* unfiltered, const PublicationActions& actions,
                char* filter) {
    const bool publishes[3] = {actions.pubinsert, actions.pubupdate, actions.pubdelete};
    for (int i = 0; i < 3; ++i) {
        if (!publishes[i]) continue;
        if (filter == nullptr)
            unfiltered->when[i] = true;
        else
            rows->when[i] = lappend(rows->when[i], filter);
    }
    if (filter == nullptr)
        unfiltered->always = true;
    else
        rows->always = lappend(rows->always, filter);
}

// Takes a publication's entry for the table into what is published of it: its column list, and its row
// filter.
void add_entry(Published* published, PublishedRows* rows, Unfiltered* unfiltered, const Listing& listing,
               Oid relid) {
    HeapTuple entry = listing.by_entry ? SearchSysCache2(PUBLICATIONRELMAP, ObjectIdGetDatum(listing.as),
                                                         ObjectIdGetDatum(listing.publication->oid))
                                       : nullptr;
    bool no_list = true;
    bool no_filter = true;
    char* filter = nullptr;
    if (HeapTupleIsValid(entry)) {
        const Datum list = publication_column_list(entry, &no_list);
        if (!no_list) published->columns = add_listed_columns(published->columns, list, listing.as, relid);
        const Datum tree = publication_row_filter(entry, &no_filter);
        if (!no_filter) filter = TextDatumGetCString(tree);
        ReleaseSysCache(entry);
    }
    if (no_list) published->all_columns = true;
    add_filter(rows, unfiltered, listing.publication->pubactions, filter);
}

// Column lists and row filters of the publications that name the table as the outermost one does; of others
// that have it only the operations count (as in pgoutput).
void add_entries(Published* published, const List* listings, Oid as, Oid relid) {
    auto* rows = static_cast<PublishedRows*>(palloc0(sizeof(PublishedRows)));
    rows->relid = as;
    Unfiltered unfiltered = {};
    ListCell* cell;
    foreach (cell, listings) {
        const auto* listing = static_cast<const Listing*>(lfirst(cell));
        if (listing->as == as) add_entry(published, rows, &unfiltered, *listing, relid);
    }
    for (int i = 0; i < 3; ++i) {
        if (unfiltered.when[i]) rows->when[i] = NIL;
    }
    if (unfiltered.always) rows->always = NIL;
    published->rows = list_make1(rows);
}

void add_operations(Published* published, const Publication& publication) {
    const PublicationActions& actions = publication.pubactions;
    const bool changes[4] = {actions.pubinsert, actions.pubupdate, actions.pubdelete, actions.pubtruncate};
    for (int i = 0; i < 4; ++i)
        published->changes[i] = published->changes[i] || changes[i];
    published->as_one = published->as_one || publication.pubviaroot;
}

// The publications of the rules that have the table, of Listing*. One that is not made yet where decoding is
// has nothing.
List* listings_of(const Rules& rules, const List* oids) {
    List* listings = NIL;
    ListCell* cell;
    foreach (cell, rules.publication_names) {
        const Publication* publication = GetPublicationByName(static_cast<char*>(lfirst(cell)), true);
        if (publication == nullptr) continue;
        auto* listing = static_cast<Listing*>(palloc(sizeof(Listing)));
        *listing = listing_of(*publication, oids);
        if (OidIsValid(listing->as)) listings = lappend(listings, listing);
    }
    return listings;
}

// The outermost of the tables whose names the publications give; they are nested.
Oid outermost(const List* listings, const List* oids) {
    Oid found = InvalidOid;
    ListCell* oid;
    foreach (oid, oids) {
        ListCell* cell;
        foreach (cell, listings) {
            if (static_cast<const Listing*>(lfirst(cell))->as == lfirst_oid(oid)) found = lfirst_oid(oid);
        }
    }
    return found;
}

// The one of these names (char*) that is equal; null: none.
char* find_name(const List* names, const char* name) {
    ListCell* cell;
    foreach (cell, names) {
        if (strcmp(static_cast<char*>(lfirst(cell)), name) == 0) return static_cast<char*>(lfirst(cell));
    }
    return nullptr;
}

Oid root_of(Relation relation) {
    return relation->rd_rel->relispartition ? llast_oid(get_partition_ancestors(RelationGetRelid(relation)))
                                            : InvalidOid;
}

bool has_schema(const Publication& publication, const TableName& name) {
    const Oid schema = get_namespace_oid(name.schema, true);
    return OidIsValid(schema) && list_member_oid(schema_publications(schema), publication.oid);
}

// Whether a publication of all tables, or of whole schemas, had a table that is gone, under its own name and
// not under that of one it was a partition of.
bool has_whole(const Publication& publication, const List* names) {
    bool listed = false;
    bool above = false;
    ListCell* cell;
    foreach (cell, names) {
        if (!publication.alltables && !has_schema(publication, *static_cast<const TableName*>(lfirst(cell))))
            continue;
        listed = true;
        above = above || cell != list_head(names);
    }
    return listed && !(publication.pubviaroot && above);
}

}  // namespace

List* with_partition_ancestors(Relation relation) {
    List* const oids = list_make1_oid(RelationGetRelid(relation));
    if (!relation->rd_rel->relispartition) return oids;
    return list_concat(oids, get_partition_ancestors(RelationGetRelid(relation)));
}

void warn_of_dropped_publications(const Rules& rules, MemoryContext lasting, List** there) {
    ListCell* cell;
    foreach (cell, rules.publication_names) {
        char* const name = static_cast<char*>(lfirst(cell));
        char* const known = find_name(*there, name);
        const bool exists = GetPublicationByName(name, true) != nullptr;
        if (exists == (known != nullptr)) continue;
        if (exists) {
            MemoryContext caller = MemoryContextSwitchTo(lasting);
            *there = lappend(*there, pstrdup(name));
            MemoryContextSwitchTo(caller);
            continue;
        }
        *there = list_delete_ptr(*there, known);
        pfree(known);
        ereport(WARNING,
                (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("publication \"%s\" has been dropped", name),
                 errdetail("Nothing that was written since is published by it."),
                 errhint("Create it again, which holds for what is written from then on, or correct the "
                         "option \"publication_names\" or the slot's policy.")));
    }
}

bool published_before(const Rules& rules, const List* names, ArrayType* listed) {
    if (!rules.only_published) return true;
    Datum* of_table = nullptr;
    int count = 0;
    if (listed != nullptr)
        deconstruct_array(listed, TEXTOID, -1, false, TYPALIGN_INT, &of_table, nullptr, &count);
    ListCell* cell;
    foreach (cell, rules.publication_names) {
        char* const name = static_cast<char*>(lfirst(cell));
        for (int i = 0; i < count; ++i) {
            if (strcmp(TextDatumGetCString(of_table[i]), name) == 0) return true;
        }
        const Publication* publication = GetPublicationByName(name, true);
        if (publication != nullptr && has_whole(*publication, names)) return true;
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
    List* const listings = listings_of(rules, oids);
    if (listings == NIL) return published;
    published.any = true;
    const Oid as = outermost(listings, oids);
    if (as != RelationGetRelid(relation) && !by_root) published.root = as;
    ListCell* cell;
    foreach (cell, listings)
        add_operations(&published, *static_cast<const Listing*>(lfirst(cell))->publication);
    add_entries(&published, listings, as, RelationGetRelid(relation));
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
    both.rows = list_concat_copy(one.rows, other.rows);
    if (!OidIsValid(both.root)) both.root = other.root;
    both.as_one = one.as_one || other.as_one;
    return both;
}

}  // namespace cdc
