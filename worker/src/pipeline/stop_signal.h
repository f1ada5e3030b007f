// StopSignal: asks a pipeline to end, and knows since when: shutdown_timeout is counted from there, whatever
// the pipeline is about. Owner: the pipeline. Thread: request from any, the rest by the pipeline's.
#pragma once

#include <atomic>
#include <chrono>

#include "base/event_fd.h"

namespace cdc {

class StopSignal {
  public:
    using Clock = std::chrono::steady_clock;

    // The first counts; from one thread.
    void request() {
        if (requested()) return;
        since_ = Clock::now();
        requested_.store(true, std::memory_order_release);
        event_.signal();
    }
    bool requested() const { return requested_.load(std::memory_order_acquire); }
    // When it was asked for; only where it was.
    Clock::time_point since() const { return since_; }
    // Readable from the request on.
    int fd() const { return event_.fd(); }

  private:
    Clock::time_point since_;
    std::atomic<bool> requested_{false};
    EventFd event_;
};

}  // namespace cdc
