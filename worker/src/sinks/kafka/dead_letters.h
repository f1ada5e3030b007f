// DeadLetters: which events the brokers have refused for good, and the topic in which they are parked
// (on_reject: park; decision 0213).
//
// A refusal comes with a message's report, when the transaction that holds it can't be committed any more:
// the event is remembered here, the pipeline begins again (decision 0002), and when the event comes again it
// goes into the dead-letter topic instead, in the same Kafka transaction as its neighbours. What is
// remembered lives as long as the process: a worker that is started again asks the brokers again.
// Owner: the kafka sink, for its whole life. Thread: its runner's. Failure: fatal where an event can't be
// parked either: it is never dropped and never cut.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "envelope/event.h"
#include "sinks/dead_letter.h"
#include "sinks/kafka/producers.h"

namespace cdc::kafka {

class DeadLetters {
  public:
    DeadLetters(std::string topic, bool park) : topic_(std::move(topic)), park_(park) {}

    // Whether refused events are parked at all.
    bool park() const { return park_; }
    const std::string& topic() const { return topic_; }

    // The event was refused with this reason. run_id: its slice's. False where it is known already.
    bool refuse(const Event& event, const std::string& run_id, std::string reason);
    // The reason for which the event is to be parked; null where it is not.
    const std::string* reason_for(const Event& event, const std::string& run_id) const;
    // Everything up to the event's transaction is durable: what was remembered of it need not be any longer.
    void forget(Lsn commit_lsn);
    // The snapshot is delivered whole, and its rows do not come again: those of runs are not meant.
    void forget_snapshot();

    // Makes the topic where it is not there, before the first put of each producer.
    Status use(Producers& producers);
    // Hands the event over to the dead-letter topic, with the letter's parts as headers. The value is not
    // copied. The report is the caller's to count.
    rd_kafka_resp_err_t put(Producers& producers, std::string_view key, const Event& event,
                            const DeadLetter& letter, void* opaque);
    // Events that put has handed over.
    std::uint64_t handed_over() const { return handed_over_; }
    // What it means that put was refused.
    static Status not_taken(rd_kafka_resp_err_t error, const DeadLetter& letter);

    // The producers are about to go.
    void close() { handles_ = {}; }

  private:
    static std::string name_of(const Event& event, const std::string& run_id);

    const std::string topic_;
    const bool park_;
    std::uint64_t handed_over_ = 0;
    std::array<TopicHandle, Producers::most> handles_;
    // (commit_lsn; run, seq and source_id) → reason
    std::map<std::pair<Lsn, std::string>, std::string> refused_;
};

}  // namespace cdc::kafka
