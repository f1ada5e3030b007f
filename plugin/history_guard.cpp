// Keeps the extension's own tables while the database has replication slots: decoding needs a user catalog
// table's present file even to read what lies before its end (docs/decisions/0107).
//
// What is being dropped is asked of PostgreSQL itself, object by object as it goes, by whatever command and
// at the end of whatever cascade: an object access hook, as sepgsql has one. It is there in every process
// that has the library loaded, and an event trigger loads it before any DDL.
//
// Thread: the backend of the command. Failure: ERROR, which rolls the command back.

#include <cstdlib>

#include "postgres_api.h"

extern "C" {
PGDLLEXPORT void _PG_init(void);
PG_FUNCTION_INFO_V1(cdc_envelope_on_ddl_command_start);
PG_FUNCTION_INFO_V1(cdc_envelope_refuse_truncate);
PGDLLEXPORT Datum cdc_envelope_on_ddl_command_start(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum cdc_envelope_refuse_truncate(PG_FUNCTION_ARGS);
}

namespace cdc {
namespace {

object_access_hook_type next_hook = nullptr;

int compare_names(const void* one, const void* other) {
    return strcmp(NameStr(*static_cast<const NameData*>(one)), NameStr(*static_cast<const NameData*>(other)));
}

// The names of the database's slots, which the lock of slots keeps in place; returns how many.
int copy_slot_names(NameData* names) {
    int count = 0;
    LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
    for (int i = 0; i < max_replication_slots; ++i) {
        const ReplicationSlot& slot = ReplicationSlotCtl->replication_slots[i];
        if (slot.in_use && slot.data.database == MyDatabaseId) names[count++] = slot.data.name;
    }
    LWLockRelease(ReplicationSlotControlLock);
    return count;
}

// "a, b"; null where this database has no slots.
char* slots_of_database() {
    auto* names =
        static_cast<NameData*>(palloc(sizeof(NameData) * static_cast<Size>(Max(max_replication_slots, 1))));
    const int count = copy_slot_names(names);
    if (count == 0) return nullptr;
    qsort(names, static_cast<Size>(count), sizeof(NameData), compare_names);
    StringInfoData text;
    initStringInfo(&text);
    for (int i = 0; i < count; ++i)
        appendStringInfo(&text, "%s%s", i == 0 ? "" : ", ", NameStr(names[i]));
    return text.data;
}

bool is_own_table(Oid relid) {
    if (get_rel_relkind(relid) != RELKIND_RELATION) return false;
    const Oid extension = get_extension_oid("cdc_envelope", true);
    return OidIsValid(extension) && getExtensionOfObject(RelationRelationId, relid) == extension;
}

void refuse_drop(ObjectAccessType access, Oid classid, Oid objid, int column, void* argument) {
    if (next_hook != nullptr) next_hook(access, classid, objid, column, argument);
    if (access != OAT_DROP || classid != RelationRelationId || column != 0 || !is_own_table(objid)) return;
    const char* const slots = slots_of_database();
    if (slots == nullptr) return;
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_IN_USE),
             errmsg("cannot drop extension cdc_envelope while this database has replication slots"),
             errdetail("Slots: %s.", slots),
             errhint("A slot that has not read all of the schema history could never go on. Drop the slots "
                     "first.")));
}

}  // namespace
}  // namespace cdc

void _PG_init(void) {
    cdc::next_hook = object_access_hook;
    object_access_hook = cdc::refuse_drop;
}

// The event trigger before any DDL: calling it is all, since that loads the library.
Datum cdc_envelope_on_ddl_command_start(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_VOID();
}

// The history's trigger before TRUNCATE.
Datum cdc_envelope_refuse_truncate(PG_FUNCTION_ARGS) {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("cdc_envelope.refuse_truncate() was not called by trigger manager")));
    }
    const char* const slots = cdc::slots_of_database();
    if (slots != nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_IN_USE),
                 errmsg("cannot truncate cdc_envelope.schema_history while this database has replication "
                        "slots"),
                 errdetail("Slots: %s.", slots),
                 errhint("What a slot has not read yet would lose its versions. Drop the slots first.")));
    }
    PG_RETURN_POINTER(nullptr);
}
