// Producer: librdkafka's producer behind the few calls the sink needs; the only file that drives its C API.
//
// Owner: Producers; made for each open of the sink and never reused after an error. Thread: the sink's
// runner's. librdkafka's own threads do the network and call back into two places only: the log (safe from
// any thread) and the partitioner of a topic (topics.h). Everything else comes through one event queue, read
// by serve. Failure: as each call says; a failed message is reported to the listener, never dropped.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/event_fd.h"
#include "base/status.h"
#include "sinks/kafka/handles.h"
#include "sinks/kafka/producer_settings.h"
#include "sinks/kafka/registration_refusals.h"

namespace cdc::kafka {

// What serve hands out, on the caller's thread.
class ProducerListener {
  public:
    virtual ~ProducerListener() = default;
    // One message's report; message.err says whether it is durable, message._private is produce's opaque.
    virtual void on_report(const rd_kafka_message_t& message) = 0;
    // The producer can't go on; what it holds is reported as failed.
    virtual void on_fatal(rd_kafka_resp_err_t error, std::string_view text) = 0;
    // A passing trouble, which librdkafka is mending.
    virtual void on_trouble(rd_kafka_resp_err_t error, std::string_view text) = 0;
    // create_topic has ended; opaque is its own.
    virtual void on_topic_created(void* opaque, rd_kafka_resp_err_t error, std::string_view text) = 0;
};

class Producer {
  public:
    // Fatal where librdkafka refuses the settings as a whole. Doesn't connect. reported, which outlives it,
    // is signalled when serve has something to hand out.
    static Result<std::unique_ptr<Producer>> create(ProducerSettings settings, const EventFd& reported);
    // Gives up what is not delivered, without a report. Takes as long as librdkafka's threads need to end:
    // milliseconds, or the rest of a name lookup. Payloads may be let go only afterwards.
    ~Producer();
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    struct KnownTopic {
        std::string name;
        int partitions = 0;
    };
    // The cluster's topics, which also proves that a broker answers. Waits at most timeout.
    rd_kafka_resp_err_t fetch_topics(std::chrono::milliseconds timeout, std::vector<KnownTopic>& topics);

    // A handle on a topic. opaque comes back by topic_opaque, also in the partitioner. Null with text in
    // reason where the name is not valid.
    TopicHandle open_topic(const std::string& name, Partitioner partitioner, void* opaque,
                           std::string& reason);
    // Asks the controller for the topic, with the brokers' default partitions and replication (KIP-464); the
    // listener hears what came of it. Does nothing where allow.auto.create.topics is false.
    void create_topic(const std::string& name, void* opaque);

    // Queues a message. value is not copied: it must stay until the message's report, or until the producer
    // is destroyed; a null data() is a null value. key is copied; a null data() is a null key.
    rd_kafka_resp_err_t produce(rd_kafka_topic_t* topic, std::string_view key, std::string_view value,
                                void* opaque);
    // The same for many at once, in their order: of each message payload, len, key, key_len and _private are
    // given, and err is set. Cheaper by two looks at the clock and a lock a message.
    void produce_all(rd_kafka_topic_t* topic, std::span<rd_kafka_message_t> messages);
    // The same with a value that librdkafka copies.
    rd_kafka_resp_err_t produce_copy(rd_kafka_topic_t* topic, std::string_view key, std::string_view value,
                                     void* opaque);

    // The same to one partition, and with headers (name → value, copied too).
    using Headers = std::vector<std::pair<std::string, std::string>>;
    rd_kafka_resp_err_t produce_to(rd_kafka_topic_t* topic, std::int32_t partition, std::string_view key,
                                   std::string_view value, void* opaque);
    rd_kafka_resp_err_t produce_with_headers(rd_kafka_topic_t* topic, std::string_view key,
                                             std::string_view value, const Headers& headers, void* opaque);

    // Kafka transactions (KIP-98), of a producer with a transactional.id; all of them wait for the
    // coordinator, at most timeout. Null where it went well; a timed-out commit has an unknown outcome.
    // init ends what an earlier producer of the same id left open and fences that producer off.
    ErrorHandle init_transactions(std::chrono::milliseconds timeout);
    ErrorHandle begin_transaction();
    // Every message must have been reported: reports are not read here.
    ErrorHandle commit_transaction(std::chrono::milliseconds timeout);
    ErrorHandle abort_transaction(std::chrono::milliseconds timeout);
    std::string transactional_id() const;
    // Topics that the coordinator has refused for want of a right since the last call; known before the
    // messages are reported that were given up for it.
    std::vector<std::string> take_refused_topics() { return refusals_->take(); }
    // Gives up what is not delivered: each message is reported as failed.
    void purge();
    // Messages handed over whose reports have not been read.
    int pending() const { return rd_kafka_outq_len(client_.get()); }

    struct NewTopic {
        std::string name;
        int partitions = -1;  // -1: the brokers' default
        std::map<std::string, std::string> config;
    };
    // Makes a topic and waits for it; reason: the broker's words where it was not made.
    rd_kafka_resp_err_t create_topic_now(const NewTopic& topic, std::chrono::milliseconds timeout,
                                         std::string& reason);

    // One of a topic's settings as the brokers have it; answer: its value, or their words where they do not
    // tell it. Asks the broker that has answered fetch_topics. Needs DESCRIBE_CONFIGS on the topic.
    rd_kafka_resp_err_t fetch_topic_setting(const std::string& topic, const std::string& setting,
                                            std::chrono::milliseconds timeout, std::string& answer);

    // Asks the brokers about a topic, which makes it where they do that on first use: what they say of it.
    rd_kafka_resp_err_t look_at_topic(const std::string& name, std::chrono::milliseconds timeout);

    // Hands everything that has been reported to the listener; where there is nothing yet, waits up to
    // timeout for it. To clear the descriptor before is the caller's.
    void serve(ProducerListener& listener, std::chrono::milliseconds timeout);

  private:
    Producer(ClientHandle client, std::unique_ptr<RegistrationRefusals> refusals, bool create_topics,
             const EventFd& reported);
    rd_kafka_resp_err_t produce(rd_kafka_topic_t* topic, std::int32_t partition, int flags,
                                std::string_view key, std::string_view value, void* opaque);
    static void handle(rd_kafka_event_t* event, ProducerListener& listener);
    static void handle_error(rd_kafka_event_t* event, ProducerListener& listener);
    static void handle_created(rd_kafka_event_t* event, ProducerListener& listener);

    std::unique_ptr<RegistrationRefusals> refusals_;  // outlives the client, whose threads write to it
    ClientHandle client_;
    QueueHandle queue_;
    bool create_topics_;
    std::int32_t answering_broker_ = -1;  // the one that fetch_topics has asked
};

}  // namespace cdc::kafka
