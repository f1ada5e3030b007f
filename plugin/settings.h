// The settings that a type's output function reads, pinned so that the same value always has the same text
// whatever the session, the role or the database has set (docs/envelope.md, "Deterministic").
//
// Only where an output function is called at all: most types are encoded without one (value_encoder.h).
#pragma once

#include "postgres_api.h"

namespace cdc {

// For the rest of the (sub)transaction in which decoding replays changes. PostgreSQL always aborts that
// transaction (reorderbuffer.c, ReorderBufferProcessTXN), which puts the session's own settings back.
void settings_pin_for_transaction();

// For one call in a user's own query: returns the nest level to give to settings_unpin. An ERROR in between
// puts the settings back with the (sub)transaction. A session that has set them so itself pays nothing
// (setting them for each row costs more than encoding it); 0 then.
int settings_pin();
void settings_unpin(int nest_level);

}  // namespace cdc
