// BrokerWatch: when to say that no broker can be reached, and that one is back. librdkafka reconnects by
// itself for as long as it takes; this only keeps the operator informed without a line per attempt: once
// after a second of outage, then every half a minute, and once when it is over. An idle connection that the
// broker closed is no outage: nothing is said while nothing waits to be delivered. Owner: the kafka sink.
// Thread: its runner's only. Failure: none.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace cdc::kafka {

class BrokerWatch {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::seconds grace{1};
    static constexpr std::chrono::seconds interval{30};

    explicit BrokerWatch(std::string brokers) : brokers_(std::move(brokers)) {}

    // A connection failed; reason is librdkafka's text.
    void connection_failed(std::string reason) { reason_ = std::move(reason); }
    void all_down() { down_ = true; }

    // The line to log now, if one is due. waiting: whether messages are in flight.
    std::optional<std::string> due(Clock::time_point now, bool waiting);
    // Something was delivered; the line to log where an outage was reported before.
    std::optional<std::string> delivered(Clock::time_point now);
    // When due must be asked again; nothing while no outage is under way.
    std::optional<Clock::time_point> deadline() const { return next_; }

    // "no broker of "host:port" can be reached: reason".
    std::string message() const;

  private:
    std::string brokers_;
    std::string reason_;
    bool down_ = false;
    bool reported_ = false;
    Clock::time_point since_;
    std::optional<Clock::time_point> next_;  // of the next line
};

}  // namespace cdc::kafka
