#include "pipeline/snapshot_account.h"

#include <algorithm>

#include "base/failpoint.h"

namespace cdc {

SnapshotAccount::SnapshotAccount(Lsn point, std::uint64_t xmin, std::size_t first,
                                 const std::vector<std::int64_t>& ids)
    : first_(first), ids_(ids) {
    progress_.point = point;
    progress_.xmin = xmin;
    progress_.before = static_cast<std::int64_t>(first);
    std::vector<std::int64_t> sorted = ids;
    std::ranges::sort(sorted);
    for (std::size_t i = 0; i < sorted.size(); ++i)
        next_.emplace(sorted[i], i + 1 < sorted.size() ? sorted[i + 1] : sorted[i] + 1);
}

// Neighbours make one range though ids lie between them, which are nobody's.
void SnapshotAccount::note(const source::ReadRange& range) {
    const std::int64_t id = id_of(range.table);
    incremental::FirstSnapshotProgress::Table& table = progress_.tables[id];
    table.filenode = range.filenode;
    table.pages.add(range.first, range.end);
    if (!table.pages.whole()) return;
    progress_.tables.erase(id);
    progress_.done.add(id, next_.at(id));
}

Status SnapshotAccount::hand_over(SinkGroup& sinks, const std::shared_ptr<Slice>& slice,
                                  const std::vector<source::ReadRange>& ranges) {
    const std::lock_guard lock(mutex_);
    for (const source::ReadRange& range : ranges)
        note(range);
    slice->snapshot_progress = to_json(progress_);
    // The first one alone: it has a sink wait for the disk.
    if (!ranges.empty() && !numbered_) {
        numbered_ = true;
        slice->progress_number = 1;
    }
    sinks.write(slice);
    return failpoint("snapshot_range");
}

Status SnapshotAccount::hand_over(SinkGroup& sinks, const std::vector<source::ReadRange>& ranges) {
    auto slice = std::make_shared<Slice>();
    slice->kind = SliceKind::snapshot;
    slice->commit_lsn = progress_.point;
    return hand_over(sinks, slice, ranges);
}

}  // namespace cdc
