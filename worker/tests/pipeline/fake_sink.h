// A sink for the pipeline's own tests: keeps what it is given and becomes durable when it is told to.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "base/event_fd.h"
#include "sinks/sink.h"

namespace cdc {

class FakeSink : public Sink {
  public:
    std::string name() const override { return "fake"; }
    Status open(const SinkContext&) override { return {}; }
    bool keeps_position() const override { return false; }
    Result<std::optional<StoredPosition>> stored_position() override {
        return std::optional<StoredPosition>{};
    }
    Status begin_snapshot(Lsn) override { return {}; }
    Status end_snapshot(Lsn) override { return {}; }
    Status begin_streaming(Lsn start_lsn) override {
        durable_ = start_lsn;
        return {};
    }
    Status write(const SlicePtr& slice) override {
        std::unique_lock lock(mutex_);
        busy = true;
        released_.wait(lock, [this] { return !blocked_; });
        if (!next_.ok()) return next_;
        slices_.push_back(slice);
        if (slice->last && automatic_) durable_ = slice->end_lsn;
        return {};
    }
    Status advance(Lsn lsn) override {
        const std::lock_guard lock(mutex_);
        durable_ = lsn;
        advances_.push_back(lsn);
        return {};
    }
    Status poll() override {
        const std::lock_guard lock(mutex_);
        wake_.clear();
        if (acknowledged_ > durable_) durable_ = acknowledged_;
        progress_ = acknowledged_progress_;
        return {};
    }
    Status ran_dry() override {
        const std::lock_guard lock(mutex_);
        dry_after_.push_back(slices_.size());
        return next_;
    }
    int wait_fd() const override { return wake_.fd(); }
    Lsn durable_lsn() const override { return durable_; }
    std::uint64_t durable_progress() const override { return progress_; }
    std::uint64_t parked() const override { return parked_now; }
    Status flush(std::chrono::milliseconds) override { return {}; }
    void close() override { closed = true; }

    void block(bool blocked) {
        {
            const std::lock_guard lock(mutex_);
            blocked_ = blocked;
        }
        released_.notify_all();
    }
    void fail_with(Status status) {
        const std::lock_guard lock(mutex_);
        next_ = std::move(status);
    }
    void acknowledge(Lsn lsn) {
        {
            const std::lock_guard lock(mutex_);
            acknowledged_ = lsn;
        }
        wake_.signal();
    }
    void acknowledge_progress(std::uint64_t number) {
        {
            const std::lock_guard lock(mutex_);
            acknowledged_progress_ = number;
        }
        wake_.signal();
    }
    void durable_at_once(bool automatic) { automatic_ = automatic; }
    std::size_t count() {
        const std::lock_guard lock(mutex_);
        return slices_.size();
    }
    std::vector<Lsn> advances() {
        const std::lock_guard lock(mutex_);
        return advances_;
    }

    // How many slices had come each time the queue ran dry.
    std::vector<std::size_t> dry_after() {
        const std::lock_guard lock(mutex_);
        return dry_after_;
    }

    std::atomic<bool> busy{false};  // has been in write
    std::atomic<bool> closed{false};
    std::atomic<std::uint64_t> parked_now{0};

  private:
    std::mutex mutex_;
    std::condition_variable released_;
    EventFd wake_;
    bool blocked_ = false;
    bool automatic_ = true;
    Status next_;
    Lsn durable_;
    Lsn acknowledged_;
    std::uint64_t progress_ = 0;
    std::uint64_t acknowledged_progress_ = 0;
    std::vector<SlicePtr> slices_;
    std::vector<Lsn> advances_;
    std::vector<std::size_t> dry_after_;
};

}  // namespace cdc
