// RetryPolicy: how long a pipeline waits before it begins again, and when it gives up.
//
// The pause grows with every failure in a row. What ends the row is progress: an event that became durable,
// or a stream that stood for as long as the longest pause (then there is nothing to slow down). Merely
// getting as far as streaming is none: a target that fails at the first write would be tried again without a
// pause, for ever. A failure that taught something (Status::now) does not count: each refused event costs
// one beginning.
//
// Owner: the pipeline. Thread: one. Plain values but for the clock, which the caller reads.
#pragma once

#include <chrono>
#include <optional>

#include "base/backoff.h"
#include "base/status.h"

namespace cdc {

class RetryPolicy {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::chrono::milliseconds first_pause{200};

    // max_time: without progress, until it gives up; 0: for ever.
    RetryPolicy(std::chrono::milliseconds longest_pause, std::chrono::milliseconds max_time)
        : longest_pause_(longest_pause), max_time_(max_time), backoff_(first_pause, longest_pause) {}

    // An attempt has failed at `now`. progressed: something became durable in it; streamed: for how long it
    // stood. The pause before the next; nothing where it is time to give up.
    std::optional<std::chrono::milliseconds> after_failure(const Status& status, bool progressed,
                                                           Clock::duration streamed, Clock::time_point now) {
        if (progressed || streamed >= longest_pause_) {
            failures_ = 0;
            failing_since_.reset();
        }
        if (!failing_since_) failing_since_ = now;
        if (max_time_.count() > 0 && now - *failing_since_ >= max_time_) return std::nullopt;
        if (status.now()) return backoff_.delay(0);
        return backoff_.delay(failures_++);
    }

    // In a row, so far.
    int failures() const { return failures_; }

  private:
    const std::chrono::milliseconds longest_pause_;
    const std::chrono::milliseconds max_time_;
    Backoff backoff_;
    int failures_ = 0;
    std::optional<Clock::time_point> failing_since_;
};

}  // namespace cdc
