// What the server's refusals about slots mean, with the way out. Owner: nobody. Thread: pure functions.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "pq/connection.h"
#include "source/slot.h"

namespace cdc::source {

// The hint of every refusal that only a new snapshot mends.
inline constexpr const char* begin_again =
    "begin again: drop the slot and this pipeline's positions in its sinks, and let the worker take a "
    "snapshot (docs/operations.md, \"Position errors\")";

// Fatal unless there is such a slot and we can stream from it: made with our plugin, in this database,
// permanent, and not invalidated. An active slot is fine: its holder may be about to leave.
Status check_usable(const std::string& slot, const std::optional<SlotState>& state,
                    const std::string& database);

// A refused slot command or function as a Status: retry where another process holds the slot or the server is
// short of something, fatal with a hint otherwise. result: the refusal; where: the command.
Status slot_error(const pq::Connection& connection, const PGresult* result, const std::string& where,
                  const std::string& slot);

// How to allow the plugin, as SQL, listing what the default allows and us.
extern const char* const allow_plugin_sql;

}  // namespace cdc::source
