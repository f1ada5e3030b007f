#include "present_file.h"

namespace cdc {
namespace {

struct File {
    Oid tablespace;  // as pg_class has it
    Oid number;      // InvalidOid: no such relation
};

File present_file_of(Oid relid) {
    File file = {InvalidOid, InvalidOid};
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    Relation classes = table_open(RelationRelationId, AccessShareLock);
    Snapshot now = RegisterSnapshot(GetNonHistoricCatalogSnapshot(RelationRelationId));
    SysScanDesc scan = systable_beginscan(classes, ClassOidIndexId, true, now, 1, &key);
    if (HeapTuple row = systable_getnext(scan)) {
        const auto& relation = *reinterpret_cast<Form_pg_class>(GETSTRUCT(row));
        file = {relation.reltablespace, relation.relfilenode};
    }
    systable_endscan(scan);
    UnregisterSnapshot(now);
    table_close(classes, AccessShareLock);
    return file;
}

}  // namespace

bool has_present_file(Relation relation) {
    if (!HistoricSnapshotActive()) return true;
    const File file = present_file_of(RelationGetRelid(relation));
    return OidIsValid(file.number) && file.number == relation->rd_rel->relfilenode &&
           file.tablespace == relation->rd_rel->reltablespace;
}

bool use_present_file(Relation relation) {
    const File file = present_file_of(RelationGetRelid(relation));
    if (!OidIsValid(file.number)) return false;
    relation_set_file(relation, file.tablespace, file.number);
    return true;
}

}  // namespace cdc
