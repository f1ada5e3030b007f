// SnapshotReport: how far a first snapshot is, table by table: for the log, and in the requests of those
// tables that have one (source/snapshot_requests.h), where `cdc-worker snapshot status` finds it.
//
// Owner and thread: the snapshot's phase (the pipeline's). Failure: a figure that can't be written is logged
// and tried again; retry where the connection is lost, since the lock that keeps other workers away goes with
// it.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "pipeline/snapshot_account.h"
#include "source/snapshot.h"
#include "source/snapshot_requests.h"

namespace cdc {

class SnapshotReport {
  public:
    SnapshotReport(std::string pipeline, const source::SnapshotReader& reader)
        : pipeline_(std::move(pipeline)), reader_(reader) {}

    // From now on into the requests too, on this connection, which holds the snapshot's lock. Both outlive
    // this object's use.
    void write_to(pq::Connection& sql, const SnapshotAccount& account, source::StopCheck stop);

    // To be called a few times a second: notices a lost connection, and writes what is due: every 10 s, and
    // when a table has been read whole.
    Status tell();
    // Writes what has changed, however long ago it was told: where the reading ends early.
    void tell_last();
    // A line for each table that is being read, where there are several.
    void log_tables() const;
    // The tables that have a request, with their figures.
    std::vector<source::ReadTable> requested_tables() const;

  private:
    using Clock = std::chrono::steady_clock;

    Status write();

    const std::string pipeline_;
    const source::SnapshotReader& reader_;
    pq::Connection* sql_ = nullptr;  // none: there are no requests
    const SnapshotAccount* account_ = nullptr;
    source::StopCheck stop_;
    std::size_t done_ = 0;     // tables, when it was last written
    std::vector<bool> final_;  // by table: it was read whole when it was last written
    Clock::time_point written_;
    bool failing_ = false;
};

}  // namespace cdc
