// A numeric's text, straight from its stored digits: what numeric_out writes, without its palloc and copies.
//
// Thread: the backend or walsender that decodes. Failure: a compressed or toasted datum is fetched, which may
// raise; nothing else does.
#pragma once

#include "postgres_api.h"

namespace cdc {

// Appends the text of a numeric datum: digits, '-', '.', or one of NaN, Infinity, -Infinity. At most 147,458
// bytes.
void append_numeric_text(StringInfo out, Datum value);

}  // namespace cdc
