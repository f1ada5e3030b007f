// Backoff: how long to wait before the next attempt: exponential with equal jitter and a cap, so that many
// workers that lost the same server do not come back in step (AWS Architecture Blog, "Exponential Backoff And
// Jitter"). Owner: the caller. Thread: one.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace cdc {

class Backoff {
  public:
    Backoff(std::chrono::milliseconds first, std::chrono::milliseconds limit,
            std::uint64_t seed = std::random_device{}())
        : first_(first), limit_(limit), random_(seed) {}

    // The wait before the attempt that follows `failures` failures in a row: between half of and the whole of
    // min(limit, first · 2^failures).
    std::chrono::milliseconds delay(int failures) {
        std::chrono::milliseconds whole = first_;
        for (int i = 0; i < failures && whole < limit_; ++i)
            whole *= 2;
        whole = std::min(whole, limit_);
        std::uniform_int_distribution<std::int64_t> spread(whole.count() / 2, whole.count());
        return std::chrono::milliseconds(spread(random_));
    }

  private:
    const std::chrono::milliseconds first_;
    const std::chrono::milliseconds limit_;
    std::mt19937_64 random_;
};

}  // namespace cdc
