// ByteBudget: the one bound on the memory a pipeline holds for events that are read and not yet durable in
// every sink. The reader takes a lease for each slice; the slice gives it back when its last sink lets go of
// it. Owner: the pipeline; outlives every lease. Thread: safe from any.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>

namespace cdc {

class ByteBudget {
  public:
    // Held bytes; gives them back when destroyed. Movable, not copyable.
    class Lease {
      public:
        Lease() = default;
        Lease(ByteBudget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {}
        Lease(Lease&& other) noexcept
            : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
        Lease& operator=(Lease&& other) noexcept {
            release();
            budget_ = std::exchange(other.budget_, nullptr);
            bytes_ = std::exchange(other.bytes_, 0);
            return *this;
        }
        ~Lease() { release(); }
        void release();
        std::size_t bytes() const { return bytes_; }

      private:
        ByteBudget* budget_ = nullptr;
        std::size_t bytes_ = 0;
    };

    // on_room is called (from the releasing thread, without a lock held) when the budget falls below its
    // limit again.
    ByteBudget(std::size_t limit_bytes, std::function<void()> on_room);

    // Whether another slice may be read now: less than the limit is held.
    bool has_room() const;
    // Takes `bytes`, also past the limit: a message has been received whole before its size is known, so what
    // is held can pass the limit by one message. Call only after has_room().
    Lease take(std::size_t bytes);
    std::size_t held() const;
    std::size_t limit() const { return limit_; }

  private:
    void give_back(std::size_t bytes);

    const std::size_t limit_;
    const std::function<void()> on_room_;
    mutable std::mutex mutex_;
    std::size_t held_ = 0;
};

}  // namespace cdc
