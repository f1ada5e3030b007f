// Producers: the producers of one sink, of which one at a time writes. Without transactions there is one.
// With transactions they take turns, a Kafka transaction each: after a commit the coordinator still writes
// the transaction's markers, and a producer that begins the next one meanwhile is told to come again, which
// librdkafka does only 20 ms later. Another producer need not wait (decision 0214).
//
// Only one transaction is ever open, so a later one is never committed without the earlier ones; what was
// produced in one is acknowledged before the next one begins, so the order within a partition stays too.
// Owner: the kafka sink, one for each open. Thread: its runner's. Failure: as Producer's.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/event_fd.h"
#include "base/status.h"
#include "sinks/kafka/producer.h"

namespace cdc::kafka {

class Producers {
  public:
    static constexpr std::size_t most = 2;

    // One for each of the settings, at least one and at most `most`.
    static Result<std::unique_ptr<Producers>> create(std::vector<ProducerSettings> settings);

    std::size_t count() const { return producers_.size(); }
    Producer& at(std::size_t turn) { return *producers_[turn]; }

    // Whose turn it is.
    std::size_t turn() const { return turn_; }
    Producer& present() { return at(turn_); }
    void next() { turn_ = (turn_ + 1) % producers_.size(); }

    // Hands everything that has been reported by any of them to the listener; where the present one has
    // nothing yet, waits up to timeout for it.
    void serve(ProducerListener& listener, std::chrono::milliseconds timeout);
    // Readable when serve has something to hand out.
    int wait_fd() const { return reported_.fd(); }

  private:
    Producers() = default;

    EventFd reported_;  // outlives the producers, whose threads write to it
    std::vector<std::unique_ptr<Producer>> producers_;
    std::size_t turn_ = 0;
};

}  // namespace cdc::kafka
