// The plugin's options as the SQL functions take them: a text[] of name=value. One more than in the stream is
// slot=name: the policy of that slot holds, as it would in the stream, and its name is the default
// projection.
//
// Ownership: CurrentMemoryContext. Failure: ERROR, as options_set and slot_policy_read.
#pragma once

#include "options.h"

namespace cdc {

struct SqlOptions {
    Options* options;  // with the slot's policy
    char* slot;        // null where none is given
};

// Reads, completes and checks them.
SqlOptions sql_options(ArrayType* texts);

}  // namespace cdc
