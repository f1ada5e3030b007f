// cdc_envelope.captures(), row_filter() and policy_of(): what the stream would capture, for those who read
// the tables themselves (the worker's snapshot) or want to know.

#include "capture.h"
#include "extension_tables.h"
#include "row_filter.h"
#include "sql_options.h"

extern "C" {
PG_FUNCTION_INFO_V1(cdc_envelope_captures);
PG_FUNCTION_INFO_V1(cdc_envelope_row_filter);
PG_FUNCTION_INFO_V1(cdc_envelope_policy_of);
PGDLLEXPORT Datum cdc_envelope_captures(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum cdc_envelope_row_filter(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum cdc_envelope_policy_of(PG_FUNCTION_ARGS);
}

namespace cdc {
namespace {

constexpr int kRelation = 0, kOptions = 1;

bool captures(Relation relation, const Options& options) {
    return is_publishable_relation(relation) && !is_extension_table(relation) &&
           captures_table(options, table_names(relation)) && published_as(options, relation).any;
}

}  // namespace
}  // namespace cdc

Datum cdc_envelope_captures(PG_FUNCTION_ARGS) {
    using namespace cdc;
    Relation relation = try_relation_open(PG_GETARG_OID(kRelation), AccessShareLock);
    if (relation == nullptr) PG_RETURN_NULL();
    const bool captured = captures(relation, *sql_options(PG_GETARG_ARRAYTYPE_P(kOptions)).options);
    relation_close(relation, AccessShareLock);
    PG_RETURN_BOOL(captured);
}

Datum cdc_envelope_row_filter(PG_FUNCTION_ARGS) {
    using namespace cdc;
    Relation relation = try_relation_open(PG_GETARG_OID(kRelation), AccessShareLock);
    if (relation == nullptr) PG_RETURN_NULL();
    const Options& options = *sql_options(PG_GETARG_ARRAYTYPE_P(kOptions)).options;
    char* const sql = row_filter_sql(published_as(options, relation).rows);
    relation_close(relation, AccessShareLock);
    if (sql == nullptr) PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(sql));
}

Datum cdc_envelope_policy_of(PG_FUNCTION_ARGS) {
    using namespace cdc;
    const SlotPolicy* const policy = slot_policy_read(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    if (policy == nullptr) PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(policy->row));
}
