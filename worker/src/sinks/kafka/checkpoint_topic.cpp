#include "sinks/kafka/checkpoint_topic.h"

#include <algorithm>
#include <array>
#include <memory>
#include <thread>

#include "base/log.h"
#include "sinks/kafka/delivery_errors.h"

namespace cdc::kafka {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int32_t partition = 0;
constexpr std::int64_t first_window = 1000;  // offsets; each commit takes two, the record and its marker

using ConsumerHandle = Handle<rd_kafka_t, rd_kafka_destroy>;
using MessageHandle = Handle<rd_kafka_message_t, rd_kafka_message_destroy>;
using PartitionsHandle = Handle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

constexpr std::chrono::milliseconds look_again{20};

int left_ms(Clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
}

Result<ConsumerHandle> make_consumer(const ConsumerSettings& settings, Isolation isolation) {
    Result<ConfHandle> conf = make_consumer_conf(settings, isolation);
    if (!conf.ok()) return conf.status();
    std::array<char, 512> reason{};
    ConsumerHandle consumer(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), reason.data(), reason.size()));
    if (!consumer) return Status::fatal(std::string("could not make a Kafka consumer: ") + reason.data());
    [[maybe_unused]] rd_kafka_conf_t* taken = conf->release();  // the client's now
    return consumer;
}

}  // namespace

// Offsets [from, to) of the partition, and the newest record of the key that was found in them.
struct CheckpointTopic::Window {
    std::int64_t from = 0;
    std::int64_t to = 0;
    Clock::time_point deadline;
    bool found = false;
    std::optional<std::string> value;
};

Status CheckpointTopic::ensure(Producer& producer, std::chrono::milliseconds timeout, bool& exists) const {
    // Small segments, as only closed ones are compacted; a deleted pipeline's tombstone may go after a day.
    const Producer::NewTopic wanted{
        name_,
        1,
        {{"cleanup.policy", "compact"}, {"segment.bytes", "16777216"}, {"min.cleanable.dirty.ratio", "0.1"}}};
    std::string reason;
    const rd_kafka_resp_err_t error = producer.create_topic_now(wanted, timeout, reason);
    exists = true;
    switch (error) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            log_info("kafka: created topic \"{}\" for the position", name_);
            exists = false;
            return {};
        case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
            break;
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
            return Status::retry("could not create the checkpoint topic \"" + name_ + "\": " + reason);
        default:
            CDC_RETURN_IF_ERROR(check_presence(producer, timeout, error, reason));
    }
    return check_cleanup(producer, timeout);
}

// Where it exists and we may only use it, it need not be made; some brokers make it when they are asked.
Status CheckpointTopic::check_presence(Producer& producer, std::chrono::milliseconds timeout,
                                       rd_kafka_resp_err_t refusal, const std::string& reason) const {
    log_debug("kafka: topic \"{}\" is not created: {}", name_, reason);
    const rd_kafka_resp_err_t present = producer.look_at_topic(name_, timeout);
    if (present == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return checkpoint_failure(present, rd_kafka_err2str(present), name_);
    if (present != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return {};
    const bool denied = refusal == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                        refusal == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    return checkpoint_failure(denied ? refusal : present,
                              "it does not exist, and could not be created: " + reason, name_);
}

// As Kafka Connect does with its own topics: what can't be asked for is only warned about.
Status CheckpointTopic::check_cleanup(Producer& producer, std::chrono::milliseconds timeout) const {
    std::string policy;
    switch (producer.fetch_topic_setting(name_, "cleanup.policy", timeout, policy)) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            break;
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:  // an embedded broker, which deletes nothing
            return {};
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
            return Status::retry("could not ask for the settings of the checkpoint topic \"" + name_ +
                                 "\": " + policy);
        default:
            log_warning(
                "kafka: whether retention spares the checkpoint topic \"{}\" is not known: {}; grant "
                "DESCRIBE_CONFIGS on it, or see to it that its cleanup.policy is compact",
                name_, policy);
            return {};
    }
    if (policy == "compact") return {};
    return Status::fatal("the checkpoint topic \"" + name_ + "\" has cleanup.policy=" + policy +
                             ": retention would delete the pipeline's position",
                         "kafka-configs.sh --bootstrap-server " + consumer_.brokers +
                             " --alter --entity-type topics --entity-name " + name_ +
                             " --add-config cleanup.policy=compact");
}

Status CheckpointTopic::read_window(rd_kafka_t* consumer, Window& window) const {
    const PartitionsHandle assignment(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(assignment.get(), name_.c_str(), partition)->offset = window.from;
    rd_kafka_assign(consumer, assignment.get());
    while (true) {
        const int left = left_ms(window.deadline);
        if (left == 0)
            return Status::retry("the checkpoint topic \"" + name_ + "\" could not be read in time");
        const MessageHandle message(rd_kafka_consumer_poll(consumer, left));
        if (!message) continue;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return {};
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (message->rkt == nullptr) continue;  // a connection's trouble, which librdkafka mends
            return checkpoint_failure(message->err, rd_kafka_message_errstr(message.get()), name_);
        }
        if (message->offset >= window.to) return {};
        const std::string_view key(static_cast<const char*>(message->key), message->key_len);
        if (key != pipeline_) continue;
        window.found = true;
        window.value.reset();
        if (message->payload != nullptr)
            window.value = std::string(static_cast<const char*>(message->payload), message->len);
    }
}

Status CheckpointTopic::find_ends(rd_kafka_t* consumer, Clock::time_point deadline, std::int64_t& low,
                                  std::int64_t& high) const {
    const rd_kafka_resp_err_t error =
        rd_kafka_query_watermark_offsets(consumer, name_.c_str(), partition, &low, &high, left_ms(deadline));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    return checkpoint_failure(error, rd_kafka_err2str(error), name_);
}

// A reader of committed records sees nothing behind the first transaction that is still open, whoever's it
// is: another pipeline may write to the same topic, and our newest record may lie behind it.
Status CheckpointTopic::wait_for_open_transactions(rd_kafka_t* consumer, Clock::time_point deadline,
                                                   std::int64_t& low, std::int64_t& stable) const {
    const Result<ConsumerHandle> everything = make_consumer(consumer_, Isolation::read_uncommitted);
    if (!everything.ok()) return everything.status();
    std::int64_t end = 0;
    CDC_RETURN_IF_ERROR(find_ends(everything->get(), deadline, low, end));
    while (true) {
        CDC_RETURN_IF_ERROR(find_ends(consumer, deadline, low, stable));
        if (stable >= end) return {};
        if (left_ms(deadline) == 0) {
            return Status::retry(
                "the checkpoint topic \"" + name_ +
                    "\" can't be read to its end: another producer's transaction is open in it",
                "wait until its owner ends it, or the brokers do (transaction.timeout.ms); one "
                "that stays open is shown and ended by kafka-transactions.sh (find-hanging, "
                "abort)");
        }
        std::this_thread::sleep_for(look_again);
    }
}

Result<std::optional<Checkpoint>> CheckpointTopic::read(std::chrono::milliseconds timeout) const {
    return read(timeout, true);
}

Result<std::optional<Checkpoint>> CheckpointTopic::glance(std::chrono::milliseconds timeout) const {
    return read(timeout, false);
}

Result<std::optional<Checkpoint>> CheckpointTopic::read(std::chrono::milliseconds timeout,
                                                        bool to_its_end) const {
    Result<ConsumerHandle> made = make_consumer(consumer_, Isolation::read_committed);
    if (!made.ok()) return made.status();
    const ConsumerHandle consumer = std::move(made).value();
    rd_kafka_poll_set_consumer(consumer.get());

    Window window;
    window.deadline = Clock::now() + timeout;
    std::int64_t low = 0;
    CDC_RETURN_IF_ERROR(to_its_end
                            ? wait_for_open_transactions(consumer.get(), window.deadline, low, window.to)
                            : find_ends(consumer.get(), window.deadline, low, window.to));
    for (std::int64_t size = first_window; window.to > low && !window.found; size *= 8) {
        window.from = std::max(low, window.to - size);
        CDC_RETURN_IF_ERROR(read_window(consumer.get(), window));
        if (window.from == low) break;
    }
    if (!window.value) return std::optional<Checkpoint>{};
    Result<Checkpoint> checkpoint = read_checkpoint(*window.value);
    if (!checkpoint.ok()) return checkpoint.status().in("topic \"" + name_ + "\"");
    return std::optional(std::move(checkpoint).value());
}

}  // namespace cdc::kafka
