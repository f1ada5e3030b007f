// SinkRunner: a sink's own thread and the queue that feeds it, so that the reader of the stream never waits
// for a sink and one sink does not wait for another. What the queue holds is bounded by the pipeline's byte
// budget: the reader stops at it.
//
// Owner: the pipeline. Thread: the public methods are the pipeline's; the sink is touched by the runner's
// thread only. Failure: the first Status that is not ok stops the runner; it is kept for failure() and
// `changed` is signalled.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "base/event_fd.h"
#include "base/lsn.h"
#include "base/status.h"
#include "envelope/slice.h"
#include "pipeline/statistics.h"
#include "sinks/sink.h"

namespace cdc {

class SinkRunner {
  public:
    // None is owned. `changed` is signalled when durable_lsn or durable_progress has moved or the sink has
    // failed.
    SinkRunner(Sink& sink, SinkStatistics& statistics, const EventFd& changed);
    ~SinkRunner();
    SinkRunner(const SinkRunner&) = delete;
    SinkRunner& operator=(const SinkRunner&) = delete;

    // Runs a call on the sink's thread, after everything queued before it; the future is ready when it has
    // run, or holds the runner's failure. A failed call does not fail the runner: its caller decides.
    std::future<Status> call(std::function<Status(Sink&)> work);

    // Tells the sink that streaming starts: it holds every transaction that ends at or before position (an
    // end LSN), and none of those is handed on to it.
    std::future<Status> begin_streaming(Lsn position);

    // Queues slices, in this order.
    void write(std::span<const SlicePtr> slices);
    void write(const SlicePtr& slice) { write({&slice, 1}); }
    // Everything that ends at or before lsn has been queued. Only the latest counts.
    void advance(Lsn lsn);

    Lsn durable_lsn() const { return Lsn{durable_.load(std::memory_order_acquire)}; }
    // As Sink::durable_progress.
    std::uint64_t durable_progress() const { return progress_.load(std::memory_order_acquire); }
    std::optional<Status> failure() const;
    const std::string& name() const { return name_; }

    // Asks the thread to end after the item at hand and closes the sink on it. True once it has; false after
    // timeout, with the sink still busy.
    bool stop(std::chrono::milliseconds timeout);

  private:
    struct Call {
        std::function<Status(Sink&)> work;
        std::promise<Status> done;
    };
    struct Item {
        SlicePtr slice;
        std::unique_ptr<Call> call;  // or this
    };
    struct Pending {
        Lsn end_lsn;
        std::int64_t commit_time_us;
    };

    void run();
    Status step();
    Status rest();
    bool stopping() const;
    bool idle() const;
    bool nothing_to_do() const;
    void wake_if_waiting();
    void drop_queue();
    void take_queued();
    Status handle(const Item& item);
    Status hand_on(const SlicePtr& slice);
    Status advance_sink();
    void publish();
    void wait();
    void fail(const Status& status);

    Sink& sink_;
    SinkStatistics& statistics_;
    const EventFd& changed_;
    const std::string name_;
    EventFd wake_;
    mutable std::mutex mutex_;
    std::deque<Item> queue_;         // guarded by mutex_
    Lsn advance_to_;                 // guarded by mutex_
    std::optional<Status> failure_;  // guarded by mutex_
    bool stopping_ = false;          // guarded by mutex_
    bool waiting_ = false;           // the thread is in poll(2), and not yet woken; guarded by mutex_
    std::atomic<std::uint64_t> durable_{0};
    std::deque<Item> taken_;  // from the queue, in its order; the runner's thread
    std::atomic<std::uint64_t> progress_{0};
    Lsn position_;                 // the runner's thread, once started
    bool open_ = false;            // the first call, which opens the sink, went well; the runner's thread
    Lsn advanced_;                 // the runner's thread
    bool written_ = false;         // since the queue last ran dry; the runner's thread
    std::deque<Pending> pending_;  // written, not yet durable; the runner's thread
    std::promise<void> ended_;
    std::future<void> ended_future_;
    std::thread thread_;
};

}  // namespace cdc
