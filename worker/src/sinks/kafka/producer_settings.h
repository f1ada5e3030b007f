// ProducerSettings: the producer's configuration: what our guarantee needs, our defaults, the user's own.
//
// Forced (a property that says otherwise is refused by name): enable.idempotence, acks=all,
// max.in.flight ≤ 5, endless retries and message.timeout.ms=0 (KIP-98; librdkafka INTRODUCTION.md,
// "Idempotent Producer"; a message that timed out locally would be a gap with later ones behind it), a
// deterministic partitioner (events of one key stay in one partition), a queue without limits of its own (the
// pipeline's memory_limit is the bound) and reports for every message. Everything else (security.*, sasl.*,
// ssl.*, compression.*, linger.ms, batch.*, message.max.bytes, …) is the user's. Thread: pure functions.
// Failure: fatal, naming the property; never its value.
#pragma once

#include <map>
#include <string>

#include "base/status.h"
#include "sinks/kafka/handles.h"

namespace cdc::kafka {

using Partitioner = int32_t (*)(const rd_kafka_topic_t*, const void*, size_t, int32_t, void*, void*);

struct ProducerSettings {
    ConfHandle conf;
    Partitioner partitioner = nullptr;  // of keyed and unkeyed messages alike
    bool create_topics = true;          // allow.auto.create.topics
};

// brokers: bootstrap servers. properties: the user's, by librdkafka's names.
Result<ProducerSettings> make_producer_settings(const std::string& brokers, const std::string& client_id,
                                                const std::map<std::string, std::string>& properties);

}  // namespace cdc::kafka
