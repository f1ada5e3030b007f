// The encoder as SQL functions: cdc_envelope.encode(), which snapshots use, and
// cdc_envelope.table_definition(), which the event triggers record.

#include "capture.h"
#include "definition.h"
#include "envelope.h"
#include "relation_cache.h"
#include "settings.h"
#include "sql_options.h"

extern "C" {
PG_FUNCTION_INFO_V1(cdc_envelope_encode);
PG_FUNCTION_INFO_V1(cdc_envelope_table_definition);
PGDLLEXPORT Datum cdc_envelope_encode(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum cdc_envelope_table_definition(PG_FUNCTION_ARGS);
}

namespace cdc {
namespace {

constexpr int kRow = 0, kOp = 1, kLsn = 2, kTime = 3, kOptions = 4;

// What one call site keeps from row to row, for one set of options and one definition of the table.
struct CallSite {
    MemoryContext context;  // of this and all below
    Session* session;
    RelationEntry* entry;
    ArrayType* options;              // as given
    const TypeCacheEntry* row_type;  // the server's, which keeps it for as long as the backend lives
    uint64 row_identity;             // its tupDesc_identifier when the entry was made
    EncodedStamp stamp;              // of the last call; its text is null before the first
    int room;                        // bytes to begin a line with: it took the last one
};

constexpr int kLeastRoom = 1024, kMostRoom = 1024 * 1024;

char parse_op(text* op) {
    if (VARSIZE_ANY_EXHDR(op) != 1 || strchr("rcud", *VARDATA_ANY(op)) == nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("invalid op_type: \"%s\"", text_to_cstring(op)), errhint("Give r, c, u or d.")));
    }
    return *VARDATA_ANY(op);
}

// The table whose rows the first argument is. The declared type counts: a datum of another type is no row at
// all.
Oid table_of_rows(FunctionCallInfo fcinfo) {
    const Oid type = get_fn_expr_argtype(fcinfo->flinfo, kRow);
    const Oid relid = OidIsValid(type) ? get_typ_typrelid(getBaseType(type)) : InvalidOid;
    if (!OidIsValid(relid) || get_rel_relkind(relid) == RELKIND_COMPOSITE_TYPE) {
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("cdc_envelope.encode() takes a row of a table, not a value of type %s",
                               OidIsValid(type) ? format_type_be(type) : "unknown"),
                        errhint("Call it as SELECT cdc_envelope.encode(t, …) FROM table_name t.")));
    }
    return relid;
}

CallSite* make_call_site(FunctionCallInfo fcinfo, ArrayType* options) {
    const Oid relid = table_of_rows(fcinfo);
    MemoryContext context =
        AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "cdc_envelope call site", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    auto* site = static_cast<CallSite*>(palloc0(sizeof(CallSite)));
    site->context = context;
    site->options = DatumGetArrayTypePCopy(PointerGetDatum(options));
    const uint64 generation = slot_policy_generation();
    const SqlOptions parsed = sql_options(options);
    site->session = session_create(context, parsed.options, parsed.slot);
    site->session->policy_generation = generation;
    Relation relation = relation_open(relid, AccessShareLock);
    site->row_type = lookup_type_cache(relation->rd_rel->reltype, TYPECACHE_TUPDESC);
    site->row_identity = site->row_type->tupDesc_identifier;
    site->room = kLeastRoom;
    columns_check(*parsed.options, table_names(relation));
    site->entry = relation_entry_alone(site->session, relation);
    relation_close(relation, AccessShareLock);
    fcinfo->flinfo->fn_extra = site;
    MemoryContextSwitchTo(caller);
    return site;
}

// The identifier is 0 from an invalidation on (typcache.c), until somebody asks for the type again.
bool has_known_type(const CallSite& site, Oid row_type) {
    if (site.row_type->type_id != row_type) return false;
    if (site.row_type->tupDesc_identifier == 0) lookup_type_cache(row_type, TYPECACHE_TUPDESC);
    return site.row_type->tupDesc_identifier == site.row_identity;
}

bool fits(const CallSite& site, Oid row_type, const ArrayType* options) {
    return VARSIZE(site.options) == VARSIZE(options) &&
           memcmp(site.options, options, VARSIZE(options)) == 0 && has_known_type(site, row_type) &&
           (site.session->options->policy == nullptr ||
            site.session->policy_generation == slot_policy_generation());
}

// Options may differ from row to row, and a function's expression may outlive an ALTER TABLE or a policy.
CallSite* call_site(FunctionCallInfo fcinfo) {
    ArrayType* const options = PG_GETARG_ARRAYTYPE_P(kOptions);
    auto* site = static_cast<CallSite*>(fcinfo->flinfo->fn_extra);
    if (site != nullptr) {
        if (fits(*site, HeapTupleHeaderGetTypeId(PG_GETARG_HEAPTUPLEHEADER(kRow)), options)) return site;
        fcinfo->flinfo->fn_extra = nullptr;
        MemoryContextDelete(site->context);
    }
    return make_call_site(fcinfo, options);
}

const EncodedStamp& stamp_of_call(CallSite* site, char op, TimestampTz ts_source, XLogRecPtr commit_lsn) {
    EncodedStamp& stamp = site->stamp;
    if (stamp.text.text == nullptr || stamp.op != op || stamp.ts_source != ts_source ||
        stamp.commit_lsn != commit_lsn) {
        if (stamp.text.text != nullptr) pfree(const_cast<char*>(stamp.text.text));
        stamp.text.text = nullptr;
        MemoryContext caller = MemoryContextSwitchTo(site->context);
        encoded_stamp_make(*site->session, &stamp, op, ts_source, commit_lsn);
        MemoryContextSwitchTo(caller);
    }
    return stamp;
}

// A line that is written where it is returned, behind the header of a text, in CurrentMemoryContext.
StringInfoData text_begin(const CallSite& site) {
    StringInfoData line;
    line.data = static_cast<char*>(palloc(static_cast<Size>(site.room)));
    line.maxlen = site.room;
    line.len = line.cursor = VARHDRSZ;
    return line;
}

text* text_end(CallSite* site, const StringInfoData& line) {
    site->room = Min(Max(line.len + line.len / 8, kLeastRoom), kMostRoom);
    SET_VARSIZE(line.data, line.len);
    return reinterpret_cast<text*>(line.data);
}

}  // namespace
}  // namespace cdc

Datum cdc_envelope_encode(PG_FUNCTION_ARGS) {
    using namespace cdc;
    CallSite* const site = call_site(fcinfo);
    const char op = parse_op(PG_GETARG_TEXT_PP(kOp));
    HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(kRow);

    HeapTupleData tuple;
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    ItemPointerSetInvalid(&tuple.t_self);
    tuple.t_tableOid = InvalidOid;
    tuple.t_data = row;
    StringInfoData line = text_begin(*site);
    MemoryContext caller = MemoryContextSwitchTo(site->session->row_context);
    const bool pin = site->entry->uses_output_functions;
    const int nest_level = pin ? settings_pin() : 0;
    const RowImage image = row_image(site->entry, &tuple, kNew, nullptr);
    const EncodedStamp& stamp = stamp_of_call(site, op, PG_GETARG_TIMESTAMPTZ(kTime), PG_GETARG_LSN(kLsn));
    append_encoded_row(*site->session, *site->entry, stamp, image, &line);
    if (pin) settings_unpin(nest_level);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(site->session->row_context);
    PG_RETURN_TEXT_P(text_end(site, line));
}

Datum cdc_envelope_table_definition(PG_FUNCTION_ARGS) {
    using namespace cdc;
    const Oid relid = PG_GETARG_OID(0);
    Relation relation = try_relation_open(relid, AccessShareLock);
    if (relation == nullptr) PG_RETURN_NULL();
    const char kind = relation->rd_rel->relkind;
    const bool table = kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
    char* const json = table ? table_definition(relation).json : nullptr;
    relation_close(relation, AccessShareLock);
    if (json == nullptr) PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(json));
}
