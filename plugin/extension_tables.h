// The extension's own tables, found in the catalogue. Whoever may create schemas could make tables of their
// names, of any shape: only the extension's own count.
//
// Thread: the backend or walsender; under decoding the historic snapshot decides. Failure: catalogue access
// may raise.
#pragma once

#include "postgres_api.h"

namespace cdc {

// The table of that name in schema cdc_envelope; InvalidOid where the extension is not installed.
Oid extension_table(const char* name);

// Whether the table is one of the extension's: none of them is captured.
bool is_extension_table(Relation relation);

}  // namespace cdc
