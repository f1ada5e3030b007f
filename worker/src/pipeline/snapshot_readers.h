// Readers of one snapshot side by side, each on a thread of its own, into the sinks' queues.
//
// Owner and thread: the pipeline's, which waits here and keeps watch. What the readers hold is in the byte
// budget; at its limit they stop reading, each with at most one slice above it. Failure: the first reader's,
// a sink's or the watch's; the other readers are stopped before it is returned.
#pragma once

#include <functional>
#include <vector>

#include "base/status.h"
#include "pipeline/snapshot_account.h"
#include "pipeline/snapshot_phase.h"
#include "source/snapshot.h"

namespace cdc {

// Asks every reader's rows until none is left. failing: read by the readers' StopCheck, set where one of them
// failed. account: is told of every range that has been read; nullptr where nobody asks. watch: called on the
// calling thread a few times a second.
Status read_side_by_side(const SnapshotParts& parts, std::vector<source::SnapshotReader>& readers,
                         Lsn consistent_point, std::atomic<bool>& failing, SnapshotAccount* account,
                         const std::function<Status()>& watch);

}  // namespace cdc
