// StreamGate: halts the stream in front of the first transaction that commits at a point or later, so that a
// table without a key can be put there whole (backfill_pass.cpp).
//
// The reading thread asks for it; the pipeline's thread halts when it has come there and has handed all
// before it to the sinks, and takes nothing more from the stream until the reading thread lets it go on.
//
// Owner: the Backfill. Thread: as each method says. Failure: none.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "base/lsn.h"

namespace cdc {

class StreamGate {
  public:
    // The reading thread: the stream is to halt at this point; where it was asked to before, or has halted,
    // it goes on to this one, which is not earlier.
    void ask(Lsn point);
    // The reading thread: waits until it has halted at the point asked for last, at most so long. Whether it
    // has.
    bool wait_until_halted(std::chrono::milliseconds time);
    // The reading thread: calls `write` where the stream is halted, and it stays so meanwhile. False where it
    // is not, as the pipeline ends.
    bool while_halted(const std::function<void()>& write);
    // The reading thread: the stream may go on, or need not halt any more.
    void open();

    // Any thread: the stream has yet to come to the point.
    bool is_awaited() const;
    bool is_halted() const;

    // The pipeline's thread, between two transactions: whether it is to halt, as all that commits before
    // `reached` has been received.
    bool is_due(Lsn reached) const;
    // The pipeline's thread, when it is due and all before `reached` has been handed to the sinks. Whether it
    // halts: it may have been let go on meanwhile.
    bool halt(Lsn reached);
    // The pipeline's thread, which ends: nothing may be written from here on.
    void shut();

  private:
    enum class State { open, asked, halted, shut };

    mutable std::mutex mutex_;
    std::condition_variable halted_;
    State state_ = State::open;  // guarded by mutex_
    Lsn point_;                  // guarded by mutex_
};

}  // namespace cdc
