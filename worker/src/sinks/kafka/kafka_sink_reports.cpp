// KafkaSink: what librdkafka says about its messages, the brokers and the topics.
#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"
#include "sinks/kafka/delivery_errors.h"
#include "sinks/kafka/kafka_sink.h"
#include "sinks/kafka/message_form.h"

namespace cdc {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds step{100};

// RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD of librdkafka 2.4 on: another record of its batch was refused.
constexpr int invalid_different_record = -138;

// What librdkafka reports for the messages that another error leaves in its queues; that error says why.
bool follows_an_error(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR__FATAL || error == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
           error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT || static_cast<int>(error) == invalid_different_record;
}

// The event whose message it was: of a derived delete, the update that it was derived from.
const Event* find_event(const Slice& slice, const Event& sent) {
    for (const Event& event : slice.events) {
        const bool same = event.seq == sent.seq && event.commit_lsn == sent.commit_lsn;
        if (same && (sent.seq >= 0 || event.source_id == sent.source_id)) return &event;
    }
    return nullptr;
}

}  // namespace

void KafkaSink::serve(milliseconds timeout) {
    const std::size_t in_flight = window_.in_flight();
    serve_reports(timeout);
    look_into_gaps();
    const Clock::time_point now = Clock::now();
    if (window_.in_flight() < in_flight) {
        if (const auto line = watch_->delivered(now)) log_info("kafka: {}", *line);
    }
    if (const auto line = watch_->due(now, window_.in_flight() > 0)) log_warning("kafka: {}", *line);
    if (Status changed = topics_.check_partitions(config_.on_partition_change); !changed.ok())
        fail(std::move(changed));
}

// The reports of a batch come together.
void KafkaSink::serve_reports(milliseconds timeout) {
    producers_->serve(*this, timeout);
    const bool keyless = std::exchange(keyless_refused_, false);
    for (Suspect& suspect : std::exchange(suspects_, {})) {
        if (!keyless) event_refused(suspect.event, *suspect.run_id, std::move(suspect.status));
    }
}

// A gap's own report, with the event and the broker's reason, comes right behind the producer's; so does that
// of a transaction that was given up.
void KafkaSink::look_into_gaps() {
    if (purged_ && failure_.ok()) registration_refused();
    for (int round = 0; (!gap_.empty() || purged_) && failure_.ok() && round < 5; ++round)
        serve_reports(step);
    if (!gap_.empty() && failure_.ok())
        fail(kafka::producer_failure(RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, gap_));
    if (purged_ && failure_.ok()) fail(transactions_->trouble());
}

// Messages were given up as a topic of the transaction could not be registered with its coordinator: no
// message's report says so (decision 0223).
void KafkaSink::registration_refused() {
    constexpr rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    const std::vector<std::string> names = producers_->present().take_refused_topics();
    if (std::find(names.begin(), names.end(), transactions_->topic()) != names.end())
        return fail(kafka::checkpoint_failure(error, rd_kafka_err2str(error), transactions_->topic()));
    Status status;
    for (const std::string& name : names) {
        kafka::Topic* const topic = topics_.named(name);
        status = kafka::delivery_failure(error, rd_kafka_err2str(error), name, std::nullopt, false);
        if (topic == nullptr || !dead_letters_.park()) break;  // null: the dead letters' own
        status = topic_refused(*topic, status);
    }
    fail(std::move(status));
}

// librdkafka has not taken a message. Where that is because the producer, or its transaction, can't go on,
// the reason lies in its queue.
Status KafkaSink::reason_behind(rd_kafka_resp_err_t error, Status otherwise) {
    const bool broken = transactions_ && error == RD_KAFKA_RESP_ERR__STATE;
    purged_ = purged_ || broken;
    const bool fatal = error == RD_KAFKA_RESP_ERR__FATAL;
    if (broken || fatal) serve(milliseconds(0));
    // librdkafka marks the producer a moment before it puts the reason into the queue.
    for (int round = 0; fatal && failure_.ok() && round < 5; ++round)
        serve(step);
    return failure_.ok() ? otherwise : failure_;
}

void KafkaSink::fail(Status status) {
    if (failure_.ok()) failure_ = std::move(status);
}

Status KafkaSink::failed(Status status) {
    fail(std::move(status));
    return failure_;
}

void KafkaSink::on_report(const rd_kafka_message_t& message) {
    auto* const entry = static_cast<Entry*>(message._private);
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR && (closing_ || follows_an_error(message.err))) {
        purged_ = purged_ || (transactions_ && message.err != RD_KAFKA_RESP_ERR__FATAL);
        return;
    }
    auto* const topic = kafka::Topic::of(message.rkt);
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (topic != nullptr) topic->delivered.fetch_add(1, std::memory_order_relaxed);
        if (entry != nullptr) window_.delivered(*entry);
        if (entry == nullptr) transactions_->checkpoint_delivered();
    } else if (entry == nullptr || topic == nullptr) {  // the checkpoint, or a dead letter
        fail(kafka::delivery_failure(message.err, rd_kafka_err2str(message.err),
                                     rd_kafka_topic_name(message.rkt), std::nullopt, false));
    } else {
        refused(message, *topic, *entry);
    }
}

// By a report, or at once where librdkafka knows of it already.
Status KafkaSink::topic_refused(kafka::Topic& topic, const Status& status) {
    topic.refusal = status.message();
    return Status::retry_now(status.message() + "; events of this topic are parked from now on");
}

// A message of the event was refused.
void KafkaSink::refused(const rd_kafka_message_t& message, kafka::Topic& topic, const Entry& entry) {
    const std::optional<Event> sent = kafka::event_of(message, entry.slice);
    const bool keyless = message.key == nullptr;
    Status status =
        kafka::delivery_failure(message.err, kafka::reason_of(message.err, topic), topic.name, sent, keyless);
    const Event* const event = sent ? find_event(*entry.slice, *sent) : nullptr;
    if (dead_letters_.park() && kafka::refuses_the_topic(message.err)) {
        fail(topic_refused(topic, status));
    } else if (message.err == RD_KAFKA_RESP_ERR_INVALID_RECORD && !keyless) {
        // Before 2.4 librdkafka reports a record's refusal for all of its batch. Where some of those have no
        // key, they are meant: a compacted topic takes none.
        suspects_.push_back({event, &entry.slice->run_id, std::move(status)});
    } else if (dead_letters_.park() && message.err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE &&
               event != nullptr && message.len + message.key_len <= batch_bytes_) {
        // It may have been refused for its neighbours' size: the topic's limit is below a batch's.
        fail(Status::fatal(status.message() + ", in a batch of several",
                           "the topic's max.message.bytes is below the producer's batch.size: set "
                           "batch.size in properties to less than it"));
    } else {
        keyless_refused_ = keyless_refused_ || message.err == RD_KAFKA_RESP_ERR_INVALID_RECORD;
        event_refused(event, entry.slice->run_id, std::move(status));
    }
}

// Parked when it comes again, where that is asked for and can help.
void KafkaSink::event_refused(const Event* event, const std::string& run_id, Status status) {
    if (dead_letters_.park() && event != nullptr && status.code() == StatusCode::reject) {
        dead_letters_.refuse(*event, run_id, status.message());
        status = Status::retry_now(status.message() + "; it is parked when it comes again");
    }
    fail(std::move(status));
}

void KafkaSink::on_fatal(rd_kafka_resp_err_t error, std::string_view text) {
    if (error == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE) {
        gap_ = text;
    } else if (transactions_ && failure_.ok() && !closing_) {
        fail(transactions_->lost(error, std::string(text)));
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
            [[fallthrough]];
        case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:  // somebody else was sooner
            topics_.learn_of(topic);
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
