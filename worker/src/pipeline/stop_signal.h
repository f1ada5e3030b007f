// StopSignal: asks a pipeline to end. Owner: the pipeline. Thread: request from any, the rest by the
// pipeline's.
#pragma once

#include <atomic>

#include "base/event_fd.h"

namespace cdc {

class StopSignal {
  public:
    void request() {
        requested_.store(true, std::memory_order_release);
        event_.signal();
    }
    bool requested() const { return requested_.load(std::memory_order_acquire); }
    // Readable from the request on.
    int fd() const { return event_.fd(); }

  private:
    std::atomic<bool> requested_{false};
    EventFd event_;
};

}  // namespace cdc
