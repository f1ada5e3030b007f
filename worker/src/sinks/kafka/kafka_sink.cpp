#include "sinks/kafka/kafka_sink.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "envelope/event_reader.h"
#include "sinks/kafka/delivery_errors.h"
#include "sinks/kafka/embedded_cluster.h"
#include "sinks/kafka/key_change.h"
#include "sinks/kafka/producer_settings.h"
#include "sinks/kafka/topic_names.h"

namespace cdc {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds first_contact{5000};    // how long open waits for a broker
constexpr milliseconds step{100};              // how long one wait for reports lasts
constexpr milliseconds snapshot_stall{60000};  // end_snapshot gives up after so long without a report

// source_id with the quotes that stand around it in the envelope: a JSON string.
std::string_view source_id_json(const Event& event) {
    return {event.source_id.data() - 1, event.source_id.size() + 2};
}

std::string_view message_key(const Event& event) {
    switch (event.op) {
        case Op::truncate:
            return {};
        case Op::schema:
        case Op::message:
        case Op::begin:
        case Op::end:
            return source_id_json(event);
        default:
            return event.key.empty() ? std::string_view{} : event.key;
    }
}

std::string_view bytes_of(const void* data, std::size_t size) {
    return data == nullptr ? std::string_view{} : std::string_view(static_cast<const char*>(data), size);
}

// Why a topic refused a message; where it does not exist, also why we could not make it.
std::string reason_of(rd_kafka_resp_err_t error, const kafka::Topic& topic) {
    const bool missing =
        error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    const std::string reason = rd_kafka_err2str(error);
    return missing && !topic.creation_error.empty() ? reason + "; " + topic.creation_error : reason;
}

// What librdkafka reports for the messages that a fatal error leaves in its queues; that error says why.
bool follows_a_fatal_error(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR__FATAL || error == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
           error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

// The head of the event that a message carries; of a tombstone's, the delete that it follows.
std::optional<Event> event_of(const rd_kafka_message_t& message, const SlicePtr& slice) {
    if (message.payload != nullptr) {
        const Result<Event> event = read_event(bytes_of(message.payload, message.len));
        return event.ok() ? std::optional(*event) : std::nullopt;
    }
    const std::string_view key = bytes_of(message.key, message.key_len);
    for (const Event& event : slice->events) {
        if (event.op == Op::remove && event.key == key) return event;
    }
    return std::nullopt;
}

}  // namespace

KafkaSink::KafkaSink(config::KafkaSink config) : config_(std::move(config)) {}

KafkaSink::~KafkaSink() {
    close();
}

Status KafkaSink::open(const SinkContext& context) {
    close();
    const std::string prefix = config_.topic_prefix.empty() ? context.pipeline : config_.topic_prefix;
    CDC_RETURN_IF_ERROR(kafka::check_topic_prefix(prefix));
    std::string brokers = config_.brokers;
    if (config_.embedded) {
        const Result<kafka::EmbeddedCluster*> cluster = kafka::shared_embedded_cluster();
        if (!cluster.ok()) return cluster.status();
        brokers = cluster.value()->bootstrap_servers();
    }
    Result<kafka::ProducerSettings> settings =
        kafka::make_producer_settings(brokers, "cdc-worker", config_.properties);
    if (!settings.ok()) return settings.status();
    const kafka::Partitioner partitioner = settings->partitioner;
    if (config_.embedded) settings->create_topics = false;  // it makes them itself, and only so
    Result<std::unique_ptr<kafka::Producer>> producer = kafka::Producer::create(std::move(settings).value());
    if (!producer.ok()) return producer.status();
    producer_ = std::move(producer).value();
    watch_.emplace(brokers);
    std::vector<kafka::Producer::KnownTopic> known;
    if (const rd_kafka_resp_err_t error = producer_->fetch_topics(first_contact, known)) {
        serve(milliseconds(0));  // the connections' own errors say more than that nobody answered
        const Status status =
            kafka::connect_failure(last_trouble_ ? last_trouble_ : error, watch_->message());
        close();
        return status;
    }
    topics_.open(*producer_, prefix, partitioner, known);
    log_info("kafka: connected to {}; topics {}.<schema>.<table>", brokers, prefix);
    return {};
}

void KafkaSink::close() {
    topics_.close();
    producer_.reset();
    window_.clear();  // only now does nobody point into the slices any more
    watch_.reset();
    failure_ = {};
    gap_.clear();
    last_trouble_ = RD_KAFKA_RESP_ERR_NO_ERROR;
}

Status KafkaSink::write(const SlicePtr& slice) {
    CDC_RETURN_IF_ERROR(failure_);
    Entry& entry = window_.open(slice);
    for (const Event& event : slice->events) {
        const bool boundary = event.op == Op::begin || event.op == Op::end;
        if (boundary && !config_.transaction_topic) continue;
        if (const Status status = send(entry, event); !status.ok()) {
            fail(status);
            return failure_;
        }
    }
    window_.seal(entry);
    return {};
}

Status KafkaSink::send(Entry& entry, const Event& event) {
    const Result<kafka::Topic*> found = topics_.of(event);
    if (!found.ok()) return found.status();
    kafka::Topic& topic = *found.value();
    if (event.op == Op::update && !event.old_source_id.empty())
        CDC_RETURN_IF_ERROR(send_key_change(entry, topic, event));
    const std::string_view key = message_key(event);
    CDC_RETURN_IF_ERROR(
        produced(entry, topic, event, producer_->produce(topic.handle.get(), key, event.line, &entry)));
    if (event.op != Op::remove || !config_.tombstones || key.empty()) return {};
    return produced(entry, topic, event, producer_->produce(topic.handle.get(), key, {}, &entry));
}

// What must go from under the old key.
Status KafkaSink::send_key_change(Entry& entry, kafka::Topic& topic, const Event& event) {
    const Result<std::optional<kafka::KeyChange>> split = kafka::split_key_change(event);
    if (!split.ok()) return split.status();
    if (!split->has_value()) return {};
    const kafka::KeyChange& change = **split;
    CDC_RETURN_IF_ERROR(
        produced(entry, topic, event,
                 producer_->produce_copy(topic.handle.get(), change.old_key, change.deletion, &entry)));
    if (!config_.tombstones) return {};
    return produced(entry, topic, event, producer_->produce(topic.handle.get(), change.old_key, {}, &entry));
}

Status KafkaSink::produced(Entry& entry, const kafka::Topic& topic, const Event& event,
                           rd_kafka_resp_err_t error) {
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        window_.expect(entry);
        return {};
    }
    if (error == RD_KAFKA_RESP_ERR__FATAL) {  // its report lies in the queue and says why
        serve(milliseconds(0));
        if (!failure_.ok()) return failure_;
    }
    return kafka::delivery_failure(error, reason_of(error, topic), topic.name, event,
                                   message_key(event).empty());
}

Status KafkaSink::advance(Lsn lsn) {
    CDC_RETURN_IF_ERROR(failure_);
    window_.advance(lsn);
    return {};
}

Status KafkaSink::poll() {
    if (producer_ && failure_.ok()) serve(milliseconds(0));
    return failure_;
}

std::optional<Clock::time_point> KafkaSink::poll_deadline() const {
    return watch_ ? watch_->deadline() : std::nullopt;
}

Status KafkaSink::flush(milliseconds timeout) {
    const Clock::time_point deadline = Clock::now() + timeout;
    while (window_.in_flight() > 0 && failure_.ok()) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        if (left <= milliseconds(0)) {
            return Status::retry(std::to_string(window_.in_flight()) +
                                 " messages were not acknowledged within " + std::to_string(timeout.count()) +
                                 " ms");
        }
        serve(std::min(left, step));
    }
    return failure_;
}

Status KafkaSink::end_snapshot(Lsn) {
    std::size_t last = window_.in_flight();
    Clock::time_point moved = Clock::now();
    while (window_.in_flight() > 0 && failure_.ok()) {
        serve(step);
        const Clock::time_point now = Clock::now();
        if (window_.in_flight() != std::exchange(last, window_.in_flight())) moved = now;
        if (now - moved > snapshot_stall) {
            return Status::retry("the snapshot's last " + std::to_string(last) +
                                 " messages were not acknowledged: " + watch_->message());
        }
    }
    return failure_;
}

void KafkaSink::serve(milliseconds timeout) {
    const std::size_t in_flight = window_.in_flight();
    producer_->serve(*this, timeout);
    // A gap's own report, with the event and the broker's reason, comes right behind the producer's.
    for (int round = 0; !gap_.empty() && failure_.ok() && round < 10; ++round)
        producer_->serve(*this, step);
    if (!gap_.empty() && failure_.ok())
        fail(kafka::producer_failure(RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, gap_));

    const Clock::time_point now = Clock::now();
    if (window_.in_flight() < in_flight) {
        if (const auto line = watch_->delivered(now)) log_info("kafka: {}", *line);
    }
    if (const auto line = watch_->due(now, window_.in_flight() > 0)) log_warning("kafka: {}", *line);
    for (const std::string& line : topics_.partition_changes())
        log_warning("kafka: {}", line);
}

void KafkaSink::fail(Status status) {
    if (failure_.ok()) failure_ = std::move(status);
}

void KafkaSink::on_report(const rd_kafka_message_t& message) {
    Entry& entry = *static_cast<Entry*>(message._private);
    kafka::Topic& topic = *static_cast<kafka::Topic*>(rd_kafka_topic_opaque(message.rkt));
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        topic.delivered.fetch_add(1, std::memory_order_relaxed);
        window_.delivered(entry);
    } else if (!follows_a_fatal_error(message.err) && failure_.ok()) {
        fail(kafka::delivery_failure(message.err, reason_of(message.err, topic), topic.name,
                                     event_of(message, entry.slice), message.key == nullptr));
    }
}

void KafkaSink::on_fatal(rd_kafka_resp_err_t error, std::string_view text) {
    if (error == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE) {
        gap_ = text;
    } else {
        fail(kafka::producer_failure(error, text));
    }
}

void KafkaSink::on_trouble(rd_kafka_resp_err_t error, std::string_view text) {
    switch (error) {
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
            watch_->all_down();
            break;
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__RESOLVE:
        case RD_KAFKA_RESP_ERR__SSL:
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
            last_trouble_ = error;
            watch_->connection_failed(std::string(text));
            break;
        default:
            log_warning("kafka: {}", text);
    }
}

void KafkaSink::on_topic_created(void* opaque, rd_kafka_resp_err_t error, std::string_view text) {
    kafka::Topic& topic = *static_cast<kafka::Topic*>(opaque);
    const std::string_view reason = text.empty() ? rd_kafka_err2str(error) : text;
    switch (error) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            log_info("kafka: created topic \"{}\"", topic.name);
            break;
        case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
            break;
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
            if (topic.partitions == 0) topics_.create_again(topic);  // else somebody has made it
            break;
        case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:  // an old or embedded broker, which creates on first use
            log_debug("kafka: topic \"{}\": {}", topic.name, reason);
            break;
        default:
            topic.creation_error = "could not create it: " + std::string(reason);
            log_warning("kafka: could not create topic \"{}\": {}", topic.name, reason);
    }
}

}  // namespace cdc
