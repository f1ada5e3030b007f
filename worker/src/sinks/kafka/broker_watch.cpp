#include "sinks/kafka/broker_watch.h"

#include <utility>

namespace cdc::kafka {

std::optional<std::string> BrokerWatch::due(Clock::time_point now, bool waiting) {
    if (!down_ || !waiting) {
        next_.reset();
        return std::nullopt;
    }
    if (!next_) {
        since_ = now;
        next_ = now + grace;
    }
    if (now < *next_) return std::nullopt;
    next_ = now + interval;
    reported_ = true;
    return message();
}

std::optional<std::string> BrokerWatch::delivered(Clock::time_point now) {
    if (!std::exchange(down_, false)) return std::nullopt;
    next_.reset();
    reason_.clear();
    if (!std::exchange(reported_, false)) return std::nullopt;
    const auto outage = std::chrono::duration_cast<std::chrono::seconds>(now - since_).count();
    return "a broker of \"" + brokers_ + "\" is reached again after " + std::to_string(outage) + " s";
}

std::string BrokerWatch::message() const {
    return "no broker of \"" + brokers_ + "\" can be reached: " + (reason_.empty() ? "no answer" : reason_);
}

}  // namespace cdc::kafka
