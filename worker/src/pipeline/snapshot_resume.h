// A first snapshot that was interrupted: a slot was kept, its requests are `reading`, and each sink's
// progress says what it has. What is missing is left to runs beside the stream, which leave out what every
// sink has (docs/snapshots.md, "A first snapshot that resumes").
//
// Owner and thread: the pipeline's, before streaming begins. Failure: as the source reports; fatal where the
// requests are needed and can't be read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "base/status.h"
#include "config/config.h"
#include "incremental/first_snapshot.h"
#include "pipeline/sink_group.h"
#include "source/snapshot_requests.h"
#include "source/start_position.h"

namespace cdc {

struct InterruptedSnapshot {
    std::vector<source::ReadingRequest> requests;  // empty: there is none
    // What all sinks have; nothing where one has nothing of a snapshot at the position where streaming
    // begins.
    std::optional<incremental::FirstSnapshotProgress> delivered;
};

// progress: of each sink, as it is stored. start: where streaming begins (an end LSN).
Result<InterruptedSnapshot> interrupted_snapshot(pq::Connection& sql, const std::string& slot, Lsn start,
                                                 const std::vector<source::SinkPosition>& positions,
                                                 const std::vector<std::string>& progress);

// What is made of a slot that a snapshot kept and did not come to use: it becomes the slot, and the snapshot
// goes on from there; where there is nothing to go on with (several readers are faster than runs, and it has
// served nobody), or the slot stands already, it is dropped. mode: as this start has it.
Status settle_kept_slot(pq::Connection& sql, const config::Pipeline& config,
                        const std::string& application_name, config::SnapshotMode mode,
                        const std::vector<source::SinkPosition>& positions,
                        const std::vector<std::string>& progress);

// The pipeline ends with this failure: where its first snapshot has left a slot behind, the same with the
// slot's name and how to be rid of it.
Status name_kept_slot(const config::Pipeline& config, const std::string& application_name, Status status);

// Tells the sinks of the tables, which may have no rows; then makes runs of the requests, or ends those of
// which nothing is missing, all in one transaction.
Status leave_to_runs(pq::Connection& sql, const config::Pipeline& config, SinkGroup& sinks,
                     const InterruptedSnapshot& interrupted);

}  // namespace cdc
