#include "extension_tables.h"

namespace cdc {
namespace {

bool belongs_to_extension(Oid relid) {
    const Oid extension = get_extension_oid("cdc_envelope", true);
    return OidIsValid(extension) && getExtensionOfObject(RelationRelationId, relid) == extension;
}

Oid extension_schema() {
    return get_namespace_oid("cdc_envelope", true);
}

}  // namespace

Oid extension_table(const char* name) {
    const Oid schema = extension_schema();
    const Oid relid = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
    return OidIsValid(relid) && belongs_to_extension(relid) ? relid : InvalidOid;
}

bool is_extension_table(Relation relation) {
    return RelationGetNamespace(relation) == extension_schema() &&
           belongs_to_extension(RelationGetRelid(relation));
}

}  // namespace cdc
