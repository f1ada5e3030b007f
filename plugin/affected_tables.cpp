// cdc_envelope.tables_of(): the tables whose definition a command may have changed.
//
// In C, so that catalogues are read as PostgreSQL's own DDL reads them, under a fresh snapshot: the
// transaction's may be from before another session's CREATE TABLE … PARTITION OF (REPEATABLE READ), whose
// columns the command has changed all the same.
//
// Thread: the backend of the DDL. Failure: whatever catalogue access raises; it rolls the DDL back. Memory:
// the caller's short-lived context.

#include "postgres_api.h"

extern "C" {
PG_FUNCTION_INFO_V1(cdc_envelope_tables_of);
PGDLLEXPORT Datum cdc_envelope_tables_of(PG_FUNCTION_ARGS);
}

namespace cdc {
namespace {

struct Affected {
    List* types;  // whose name or place has changed: it stands in the definition of every table that has one
    List* relations;  // themselves; of any kind
};

void add_type(Affected* affected, Oid type) {
    if (!OidIsValid(type)) return;
    affected->types = lappend_oid(affected->types, type);
    const Oid array = get_array_type(type);
    if (OidIsValid(array)) affected->types = lappend_oid(affected->types, array);
}

// The table of an index, the relation itself otherwise; and its row type, which other tables' columns may
// have.
void add_relation(Affected* affected, Oid relid) {
    const char kind = get_rel_relkind(relid);
    const bool index = kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX;
    affected->relations = lappend_oid(affected->relations, index ? IndexGetRelation(relid, true) : relid);
    add_type(affected, get_rel_type_id(relid));
}

// Calls visit with every row of a catalogue that the key finds; index may be InvalidOid.
template <typename Visit>
void scan(Oid catalogue, Oid index, int keys, ScanKeyData* key, const Visit& visit) {
    Relation relation = table_open(catalogue, AccessShareLock);
    SysScanDesc found = systable_beginscan(relation, index, OidIsValid(index), nullptr, keys, key);
    while (HeapTuple row = systable_getnext(found))
        visit(row);
    systable_endscan(found);
    table_close(relation, AccessShareLock);
}

void add_schema(Affected* affected, Oid schema) {
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_class_relnamespace, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(schema));
    scan(RelationRelationId, InvalidOid, 1, &key, [affected](HeapTuple row) {
        affected->relations =
            lappend_oid(affected->relations, reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->oid);
    });
    ScanKeyInit(&key, Anum_pg_type_typnamespace, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(schema));
    scan(TypeRelationId, InvalidOid, 1, &key, [affected](HeapTuple row) {
        affected->types = lappend_oid(affected->types, reinterpret_cast<Form_pg_type>(GETSTRUCT(row))->oid);
    });
}

// Calls visit with class and OID of what depends on an object.
template <typename Visit>
void scan_dependents(Oid classid, Oid objid, const Visit& visit) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(classid));
    ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(objid));
    scan(DependRelationId, DependReferenceIndexId, 2, keys, [&](HeapTuple row) {
        const auto& dependency = *reinterpret_cast<Form_pg_depend>(GETSTRUCT(row));
        visit(dependency.classid, dependency.objid);
    });
}

// ALTER EXTENSION … SET SCHEMA moves its tables and types.
void add_members(Affected* affected, Oid extension) {
    scan_dependents(ExtensionRelationId, extension, [affected](Oid classid, Oid objid) {
        if (classid == RelationRelationId) add_relation(affected, objid);
        if (classid == TypeRelationId) add_type(affected, objid);
    });
}

void add_constraint(Affected* affected, Oid constraint) {
    HeapTuple row = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
    if (!HeapTupleIsValid(row)) return;
    const Oid relid = reinterpret_cast<Form_pg_constraint>(GETSTRUCT(row))->conrelid;
    ReleaseSysCache(row);
    if (OidIsValid(relid)) affected->relations = lappend_oid(affected->relations, relid);
}

Affected directly_affected(Oid classid, Oid objid) {
    Affected affected = {NIL, NIL};
    switch (classid) {
        case RelationRelationId:
            add_relation(&affected, objid);
            break;
        case TypeRelationId:
            add_type(&affected, objid);
            break;
        case ConstraintRelationId:
            add_constraint(&affected, objid);
            break;
        case NamespaceRelationId:
            add_schema(&affected, objid);
            break;
        case ExtensionRelationId:
            add_members(&affected, objid);
            break;
        default:
            break;
    }
    return affected;
}

void add_users_of_types(Affected* affected) {
    ListCell* cell;
    foreach (cell, affected->types) {
        scan_dependents(TypeRelationId, lfirst_oid(cell), [affected](Oid classid, Oid objid) {
            if (classid == RelationRelationId) affected->relations = lappend_oid(affected->relations, objid);
        });
    }
}

bool is_table(Oid relid) {
    const char kind = get_rel_relkind(relid);
    return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

// Each of the tables once, with its partitions and children, in the order of their OIDs.
List* tables_of(const Affected& affected) {
    List* const relations = affected.relations;
    list_sort(relations, list_oid_cmp);
    list_deduplicate_oid(relations);
    List* tables = NIL;
    ListCell* cell;
    foreach (cell, relations) {
        if (is_table(lfirst_oid(cell)))
            tables = list_concat(tables, find_all_inheritors(lfirst_oid(cell), NoLock, nullptr));
    }
    list_sort(tables, list_oid_cmp);
    list_deduplicate_oid(tables);
    return tables;
}

Datum array_of(const List* oids) {
    auto* elements =
        static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(Max(list_length(oids), 1))));
    int count = 0;
    ListCell* cell;
    foreach (cell, oids)
        elements[count++] = ObjectIdGetDatum(lfirst_oid(cell));
    return PointerGetDatum(construct_array(elements, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

}  // namespace
}  // namespace cdc

// (classid oid, objid oid): oid[], the tables whose definition a command on that object may have changed: the
// object itself, the table of an index or a constraint, the tables that use a type, those of a schema or an
// extension; and for each its partitions and children.
Datum cdc_envelope_tables_of(PG_FUNCTION_ARGS) {
    using namespace cdc;
    Affected affected = directly_affected(PG_GETARG_OID(0), PG_GETARG_OID(1));
    add_users_of_types(&affected);
    return array_of(tables_of(affected));
}
