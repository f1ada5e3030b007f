#include "pipeline/stream_gate.h"

namespace cdc {

void StreamGate::ask(Lsn point) {
    const std::lock_guard lock(mutex_);
    if (state_ == State::shut) return;
    state_ = State::asked;
    point_ = point;
}

bool StreamGate::wait_until_halted(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return halted_.wait_for(lock, time, [this] { return state_ == State::halted; });
}

bool StreamGate::while_halted(const std::function<void()>& write) {
    const std::lock_guard lock(mutex_);
    if (state_ != State::halted) return false;
    write();
    return true;
}

void StreamGate::open() {
    const std::lock_guard lock(mutex_);
    if (state_ != State::shut) state_ = State::open;
}

bool StreamGate::is_awaited() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::asked;
}

bool StreamGate::is_halted() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::halted;
}

bool StreamGate::is_due(Lsn reached) const {
    const std::lock_guard lock(mutex_);
    return state_ == State::asked && reached >= point_;
}

bool StreamGate::halt(Lsn reached) {
    const std::lock_guard lock(mutex_);
    if (state_ != State::asked || reached < point_) return false;
    state_ = State::halted;
    halted_.notify_all();
    return true;
}

void StreamGate::shut() {
    const std::lock_guard lock(mutex_);
    state_ = State::shut;
}

}  // namespace cdc
