// cdc_envelope.captures(): what the stream would capture, for those who read the tables themselves (the
// worker's snapshot).

#include "capture.h"
#include "extension_tables.h"
#include "sql_options.h"

extern "C" {
PG_FUNCTION_INFO_V1(cdc_envelope_captures);
PGDLLEXPORT Datum cdc_envelope_captures(PG_FUNCTION_ARGS);
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
