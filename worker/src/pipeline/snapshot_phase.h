// The initial snapshot: a temporary slot, its exported snapshot read into every sink, and only when all of it
// is durable the permanent slot (source/slot.h says why). One that is to resume leaves the tables with a key
// to runs beside the stream (backfill.h), which are requested before the slot is permanent. A crash or a
// failure anywhere before that leaves no slot behind, and the next attempt begins anew: begin_snapshot lets
// the sinks remove what this one left.
//
// Owner and thread: the pipeline's; blocks until done. Failure: whatever the source or a sink reports; retry
// when stopped.
#pragma once

#include <functional>
#include <string>

#include "base/byte_budget.h"
#include "base/event_fd.h"
#include "base/status.h"
#include "config/config.h"
#include "pipeline/sink_group.h"
#include "pipeline/statistics.h"
#include "source/captured_tables.h"

namespace cdc {

struct SnapshotParts {
    const config::Pipeline& config;
    const std::string& application_name;
    SinkGroup& sinks;
    ByteBudget& budget;
    const EventFd& room;  // signalled by the budget
    Statistics& statistics;
    const std::function<bool()>& stop;
    const std::string keeps_no_position;  // the name of a sink that does not, if there is one
};

// Returns the consistent point: where streaming starts (an end LSN).
Result<Lsn> take_snapshot(const SnapshotParts& parts);

// A table that has no rows yet has had no event, and no sink knows of it.
Status tell_of_empty_table(SinkGroup& sinks, const source::CapturedTable& table);

}  // namespace cdc
