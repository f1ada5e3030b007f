// SnapshotAccount: which ranges of which tables a first snapshot has handed to the sinks, as the text that
// they store with their position (incremental/first_snapshot.h).
//
// Owner: the snapshot's phase. Thread: any; hand_over is one at a time, so that what a slice says of the
// ranges before it is true in every sink's queue. Failure: as the failpoint asks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/lsn.h"
#include "base/status.h"
#include "envelope/slice.h"
#include "incremental/first_snapshot.h"
#include "pipeline/sink_group.h"
#include "source/snapshot.h"

namespace cdc {

class SnapshotAccount {
  public:
    // ids: of the requests of the reader's tables from `first` on, in their order; those before it are read.
    SnapshotAccount(Lsn point, std::uint64_t xmin, std::size_t first, const std::vector<std::int64_t>& ids);

    // Writes the slice, which ends these ranges; all other slices of theirs were written before.
    Status hand_over(SinkGroup& sinks, const std::shared_ptr<Slice>& slice,
                     const std::vector<source::ReadRange>& ranges);
    // The same with a slice that holds no row. Without a range it tells the sinks whose progress follows.
    Status hand_over(SinkGroup& sinks, const std::vector<source::ReadRange>& ranges);

    // Whether every sink is known to have one of the ranges durably, and so a start would go on with them.
    static bool any_durable(const SinkGroup& sinks) { return sinks.durable_progress() > 0; }

    // Of the table at this place of the reader's tables.
    std::int64_t id_of(std::size_t table) const { return ids_[table - first_]; }

  private:
    void note(const source::ReadRange& range);

    const std::size_t first_;
    const std::vector<std::int64_t> ids_;
    std::map<std::int64_t, std::int64_t> next_;  // the least id that is greater
    std::mutex mutex_;
    bool numbered_ = false;                        // one range is enough to know of; guarded by mutex_
    incremental::FirstSnapshotProgress progress_;  // guarded by mutex_, but for the point, which stays
};

}  // namespace cdc
