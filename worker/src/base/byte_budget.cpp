#include "base/byte_budget.h"

namespace cdc {

void ByteBudget::Lease::release() {
    if (budget_ != nullptr) budget_->give_back(bytes_);
    budget_ = nullptr;
    bytes_ = 0;
}

ByteBudget::ByteBudget(std::size_t limit_bytes, std::function<void()> on_room)
    : limit_(limit_bytes), on_room_(std::move(on_room)) {}

bool ByteBudget::has_room() const {
    const std::lock_guard lock(mutex_);
    return held_ < limit_;
}

ByteBudget::Lease ByteBudget::take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    held_ += bytes;
    return {this, bytes};
}

std::size_t ByteBudget::held() const {
    const std::lock_guard lock(mutex_);
    return held_;
}

void ByteBudget::give_back(std::size_t bytes) {
    bool room = false;
    {
        const std::lock_guard lock(mutex_);
        const bool was_full = held_ >= limit_;
        held_ -= bytes;
        room = was_full && held_ < limit_;
    }
    if (room) on_room_();
}

}  // namespace cdc
