#include "pipeline/snapshot_readers.h"

#include <poll.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "pipeline/slice_builder.h"

namespace cdc {
namespace {

using namespace std::chrono_literals;

class Readers {
  public:
    Readers(const SnapshotParts& parts, Lsn consistent_point, std::atomic<bool>& failing,
            SnapshotAccount* account)
        : parts_(parts), consistent_point_(consistent_point), failing_(failing), account_(account) {}

    void start(std::vector<source::SnapshotReader>& readers) {
        running_ = readers.size();
        for (source::SnapshotReader& reader : readers)
            threads_.emplace_back([this, &reader] { end(read(reader)); });
    }

    // True when all have ended; after a while in any case.
    bool wait() {
        std::unique_lock lock(mutex_);
        return ended_.wait_for(lock, 200ms, [this] { return running_ == 0; });
    }

    Status join() {
        for (std::thread& thread : threads_)
            thread.join();
        return first_failure_;
    }

    void fail(const Status& status) {
        const std::lock_guard lock(mutex_);
        if (first_failure_.ok()) first_failure_ = status;
        failing_.store(true, std::memory_order_release);
    }

  private:
    void end(const Status& status) {
        if (!status.ok()) fail(status);
        const std::lock_guard lock(mutex_);
        --running_;
        ended_.notify_all();
    }

    Status read(source::SnapshotReader& reader) {
        SliceBuilder builder(parts_.budget);
        for (;;) {
            CDC_RETURN_IF_ERROR(wait_for_room());
            auto rows = reader.next(parts_.config.source.batch_bytes);
            if (!rows.ok()) return rows.status();
            if (!rows->has_value()) return end_account(reader);
            source::RowBatch& batch = (*rows)->batch;
            const std::int64_t count = batch.rows;
            const auto bytes = static_cast<std::int64_t>(batch.bytes.size());
            const auto slice = builder.snapshot_slice(std::move(batch.bytes), count, consistent_point_);
            if (!slice.ok()) return slice.status();
            if (account_ != nullptr && !(*rows)->read_whole.empty()) {
                CDC_RETURN_IF_ERROR(account_->hand_over(parts_.sinks, *slice, (*rows)->read_whole));
            } else {
                parts_.sinks.write(*slice);
            }
            parts_.statistics.snapshot_rows += count;
            parts_.statistics.bytes += bytes;
            parts_.statistics.held_bytes.store(static_cast<std::int64_t>(parts_.budget.held()),
                                               std::memory_order_relaxed);
        }
    }

    Status end_account(source::SnapshotReader& reader) {
        const std::vector<source::ReadRange> ranges = reader.take_read_whole();
        if (account_ == nullptr || ranges.empty()) return {};
        return account_->hand_over(parts_.sinks, ranges);
    }

    // One reader at a time watches the budget's signal, which is for one; the others wait for their turn.
    Status wait_for_room() {
        const std::lock_guard turn(turn_);
        while (true) {
            parts_.room.clear();
            if (const std::optional<Status> failed = parts_.sinks.failure()) return *failed;
            if (parts_.stop() || failing_.load(std::memory_order_acquire)) {
                return Status::retry("stopped during the snapshot");
            }
            if (parts_.budget.has_room()) return {};
            pollfd fd{parts_.room.fd(), POLLIN, 0};
            ::poll(&fd, 1, 100);
        }
    }

    const SnapshotParts& parts_;
    const Lsn consistent_point_;
    std::atomic<bool>& failing_;
    SnapshotAccount* const account_;
    std::mutex turn_;
    std::mutex mutex_;
    std::condition_variable ended_;
    std::size_t running_ = 0;  // guarded by mutex_
    Status first_failure_;     // guarded by mutex_
    std::vector<std::thread> threads_;
};

}  // namespace

Status read_side_by_side(const SnapshotParts& parts, std::vector<source::SnapshotReader>& snapshot_readers,
                         Lsn consistent_point, std::atomic<bool>& failing, SnapshotAccount* account,
                         const std::function<Status()>& watch) {
    Readers readers(parts, consistent_point, failing, account);
    readers.start(snapshot_readers);
    while (!readers.wait()) {
        if (const Status status = watch(); !status.ok()) readers.fail(status);
    }
    return readers.join();
}

}  // namespace cdc
