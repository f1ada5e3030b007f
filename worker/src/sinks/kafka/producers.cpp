#include "sinks/kafka/producers.h"

#include <utility>

namespace cdc::kafka {

Result<std::unique_ptr<Producers>> Producers::create(std::vector<ProducerSettings> settings) {
    std::unique_ptr<Producers> made(new Producers);
    for (ProducerSettings& one : settings) {
        Result<std::unique_ptr<Producer>> producer = Producer::create(std::move(one), made->reported_);
        if (!producer.ok()) return producer.status();
        made->producers_.push_back(std::move(producer).value());
    }
    return made;
}

void Producers::serve(ProducerListener& listener, std::chrono::milliseconds timeout) {
    // Cleared before reading: what comes after a queue was seen empty signals again.
    reported_.clear();
    for (std::size_t turn = 0; turn < producers_.size(); ++turn) {
        if (turn != turn_) at(turn).serve(listener, std::chrono::milliseconds(0));
    }
    present().serve(listener, timeout);
}

}  // namespace cdc::kafka
