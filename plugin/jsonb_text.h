// A jsonb's document as JSON text.
//
// Thread: the backend or walsender that decodes. Failure: none for data, but a toasted datum is fetched here;
// depth costs heap, not stack.
#pragma once

#include "postgres_api.h"

namespace cdc {

enum class JsonbSpacing : uint8 {
    none,
    as_output,  // a space after each colon and comma, as jsonb_out writes
};

// Appends the document of a jsonb datum. False, with out at any length, where out->len would pass `limit`.
bool append_jsonb_document(Datum value, JsonbSpacing spacing, StringInfo out, int limit);

}  // namespace cdc
