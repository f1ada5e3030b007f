// ProducerSettings: the producer's configuration: what our guarantee needs, our defaults, the user's own.
//
// Forced (a property that says otherwise is refused by name): enable.idempotence, acks=all,
// max.in.flight ≤ 5, endless retries and message.timeout.ms=0 (KIP-98; librdkafka INTRODUCTION.md,
// "Idempotent Producer"; a message that timed out locally would be a gap with later ones behind it), a
// deterministic partitioner (events of one key stay in one partition), a queue without limits of its own (the
// pipeline's memory_limit is the bound) and reports for every message. Everything else (security.*, sasl.*,
// ssl.*, compression.*, linger.ms, batch.*, message.max.bytes, …) is the user's. A transactional producer has
// its transactional.id from the sink. Thread: pure functions.
// Failure: fatal, naming the property; never its value.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "base/status.h"
#include "sinks/kafka/handles.h"

namespace cdc::kafka {

using Partitioner = int32_t (*)(const rd_kafka_topic_t*, const void*, size_t, int32_t, void*, void*);

struct ProducerSettings {
    ConfHandle conf;
    Partitioner partitioner = nullptr;                     // of keyed and unkeyed messages alike
    bool create_topics = true;                             // allow.auto.create.topics
    std::chrono::milliseconds transaction_timeout{60000};  // transaction.timeout.ms
    std::size_t batch_bytes = 1000000;                     // batch.size: at most, of more than one message
};

// What the sink, not the user, decides about its producer.
struct ProducerNeeds {
    std::string brokers;  // bootstrap servers
    std::string client_id;
    std::string transactional_id;  // empty: no transactions
    bool large_messages = false;   // what is too large is for the brokers to say, not for the producer
};

// properties: the user's, by librdkafka's names.
Result<ProducerSettings> make_producer_settings(const ProducerNeeds& needs,
                                                const std::map<std::string, std::string>& properties);

// The consumer that reads the checkpoint topic (checkpoint_topic.h): the user's way to the brokers.
struct ConsumerSettings {
    std::string brokers;
    std::map<std::string, std::string> properties;
};

// What of others' transactions a consumer sees.
enum class Isolation { read_committed, read_uncommitted };

// Fatal as above.
Result<ConfHandle> make_consumer_conf(const ConsumerSettings& settings, Isolation isolation);

}  // namespace cdc::kafka
