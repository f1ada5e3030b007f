// KafkaSink: events to messages.
#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "sinks/kafka/delivery_errors.h"
#include "sinks/kafka/kafka_sink.h"
#include "sinks/kafka/key_change.h"
#include "sinks/kafka/message_form.h"

namespace cdc {

using kafka::message_key;
using std::chrono::milliseconds;

namespace {

// The lines were written by the reader's thread and lie in its processor's cache: what is looked at of an
// event is asked for this many events before its turn.
constexpr std::size_t fetched_ahead = 4;

void fetch_ahead(const Event& event) {
    __builtin_prefetch(event.table.data());
    __builtin_prefetch(event.key.data());
}

}  // namespace

Status KafkaSink::write(const SlicePtr& slice) {
    CDC_RETURN_IF_ERROR(failure_);
    const bool first = held_.empty() && !(transactions_ && transactions_->is_open());
    if (first) gathering_since_ = Clock::now();
    patience_ = patience_for(*slice);
    dry_ = false;
    held_.push_back(slice);
    held_bytes_ += slice->bytes.size();
    return may_hand_over() ? hand_over_round() : Status{};
}

// librdkafka sends a partition's next request when the former one is answered, and until then its thread
// polls without a pause over a queue with anything in it (decision 0215): what comes meanwhile waits here.
bool KafkaSink::may_hand_over() const {
    if (held_.empty()) return false;
    if (held_bytes_ >= most_held_) return true;  // far brokers: librdkafka keeps all partitions busy
    if (window_.in_flight() > few_messages) return false;
    return held_bytes_ >= round_bytes_ || gathered(Clock::now());
}

// A source that is behind delivers late anyway, and each request and each commit costs the broker more than
// many small transactions together: a tenth of that time may be spent on waiting for them.
milliseconds KafkaSink::patience_for(const Slice& slice) const {
    const auto tenth = std::chrono::floor<milliseconds>(slice.behind) / 10;
    return std::clamp(tenth, milliseconds(0), config_.commit_interval);
}

// About as much as goes into one request for each partition.
Status KafkaSink::hand_over_round() {
    for (std::size_t bytes = 0; !held_.empty() && bytes < round_bytes_;) {
        const SlicePtr slice = std::move(held_.front());
        held_.pop_front();
        bytes += slice->bytes.size();
        held_bytes_ -= slice->bytes.size();
        CDC_RETURN_IF_ERROR(hand_over(slice));
    }
    return held_.empty() && advance_to_ != Lsn{} ? advance(std::exchange(advance_to_, Lsn{})) : Status{};
}

Status KafkaSink::hand_over_all(milliseconds stall) {
    while (!held_.empty()) {
        if (!may_hand_over()) CDC_RETURN_IF_ERROR(settle(stall));
        CDC_RETURN_IF_ERROR(hand_over_round());
    }
    return {};
}

Status KafkaSink::hand_over(const SlicePtr& slice) {
    if (Status status = failpoint("kafka_before_produce"); !status.ok()) return failed(std::move(status));
    Entry& entry = window_.open(slice);
    for (std::size_t i = 0; i < slice->events.size(); ++i) {
        if (i + fetched_ahead < slice->events.size()) fetch_ahead(slice->events[i + fetched_ahead]);
        const Event& event = slice->events[i];
        if (slice->kind == SliceKind::transaction) {
            if (Status status = count_.take(event); !status.ok()) return failed(std::move(status));
        }
        const bool boundary = event.op == Op::begin || event.op == Op::end;
        if (boundary && !config_.transaction_topic) continue;
        if (transactions_) {
            if (transactions_->covers(*slice, event)) continue;
            if (Status status = transactions_->begin(); !status.ok()) return failed(std::move(status));
            transactions_->take(*slice, event);
        }
        if (Status status = send(entry, event); !status.ok()) return failed(std::move(status));
    }
    if (Status status = send_run(entry); !status.ok()) return failed(std::move(status));
    window_.seal(entry);
    if (!transactions_) return {};
    transactions_->take_end(*slice);
    if (Status status = failpoint("kafka_produced"); !status.ok()) return failed(std::move(status));
    return transactions_->due(Clock::now()) ? commit(commit_stall) : Status{};
}

Status KafkaSink::send(Entry& entry, const Event& event) {
    const Result<kafka::Topic*> found = topics_.of(event);
    if (!found.ok()) return found.status();
    kafka::Topic& topic = *found.value();
    if (run_.topic != &topic) CDC_RETURN_IF_ERROR(send_run(entry));
    round_bytes_ =
        batch_bytes_ * 3 / 4 *
        static_cast<std::size_t>(std::clamp(topic.partitions.load(std::memory_order_relaxed), 1, 8));
    if (!topic.refusal.empty()) return park(entry, topic, event, topic.refusal);
    // Also where it was the delete of an update's old key that was refused: the update tells of both.
    if (const std::string* reason = dead_letters_.reason_for(event, entry.slice->run_id))
        return park(entry, topic, event, *reason);
    if (event.op == Op::update && !event.old_source_id.empty()) {
        CDC_RETURN_IF_ERROR(send_run(entry));
        CDC_RETURN_IF_ERROR(send_key_change(entry, topic, event));
    }
    if (const std::string* reason = dead_letters_.reason_for(event, entry.slice->run_id))
        return park(entry, topic, event, *reason);
    const std::string_view key = message_key(event);
    const std::string& run = entry.slice->run_id;
    if (!run.empty()) {
        const rd_kafka_resp_err_t error = producers_->present().produce_with_headers(
            topics_.handle(topic), key, event.line, {{"cdc-run", run}}, &entry);
        CDC_RETURN_IF_ERROR(produced(entry, topic, event, error));
        const std::string* reason = dead_letters_.reason_for(event, entry.slice->run_id);
        return reason != nullptr ? park(entry, topic, event, *reason) : Status{};
    }
    run_.add(topic, key, event, &entry);
    if (event.op != Op::remove || !config_.tombstones || key.empty()) return {};
    CDC_RETURN_IF_ERROR(send_run(entry));
    if (dead_letters_.reason_for(event, entry.slice->run_id) != nullptr)
        return {};  // the delete is parked: nothing to follow it
    return produced(entry, topic, event,
                    producers_->present().produce(topics_.handle(topic), key, {}, &entry));
}

void KafkaSink::Run::add(kafka::Topic& to, std::string_view key, const Event& event, Entry* entry) {
    topic = &to;
    events.push_back(&event);
    rd_kafka_message_t& message = messages.emplace_back();
    // librdkafka only reads what it is not told to free.
    message.payload = const_cast<char*>(event.line.data());
    message.len = event.line.size();
    message.key = const_cast<char*>(key.data());
    message.key_len = key.size();
    message._private = entry;
}

void KafkaSink::Run::clear() {
    topic = nullptr;
    messages.clear();
    events.clear();
}

// Reports come for all that were taken, so these are expected before what was refused makes an end of it.
Status KafkaSink::send_run(Entry& entry) {
    if (run_.topic == nullptr) return {};
    kafka::Topic& topic = *run_.topic;
    producers_->present().produce_all(topics_.handle(topic), run_.messages);
    for (const rd_kafka_message_t& message : run_.messages) {
        if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) window_.expect(entry);
    }
    for (std::size_t i = 0; i < run_.messages.size(); ++i) {
        const rd_kafka_resp_err_t error = run_.messages[i].err;
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        const Event& event = *run_.events[i];
        CDC_RETURN_IF_ERROR(not_taken(entry, topic, event, error));
        if (const std::string* reason = dead_letters_.reason_for(event, entry.slice->run_id))
            CDC_RETURN_IF_ERROR(park(entry, topic, event, *reason));
    }
    run_.clear();
    return {};
}

// What must go from under the old key.
Status KafkaSink::send_key_change(Entry& entry, kafka::Topic& topic, const Event& event) {
    const Result<std::optional<kafka::KeyChange>> split = kafka::split_key_change(event);
    if (!split.ok()) return split.status();
    if (!split->has_value()) return {};
    const kafka::KeyChange& change = **split;
    CDC_RETURN_IF_ERROR(produced(
        entry, topic, event,
        producers_->present().produce_copy(topics_.handle(topic), change.old_key, change.deletion, &entry)));
    if (!config_.tombstones) return {};
    return produced(entry, topic, event,
                    producers_->present().produce(topics_.handle(topic), change.old_key, {}, &entry));
}

Status KafkaSink::produced(Entry& entry, kafka::Topic& topic, const Event& event, rd_kafka_resp_err_t error) {
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        window_.expect(entry);
        return {};
    }
    return not_taken(entry, topic, event, error);
}

// What becomes of an event that librdkafka did not take: ok where it is to be parked (by the caller).
Status KafkaSink::not_taken(const Entry& entry, kafka::Topic& topic, const Event& event,
                            rd_kafka_resp_err_t error) {
    CDC_RETURN_IF_ERROR(reason_behind(error, {}));
    Status status = kafka::delivery_failure(error, kafka::reason_of(error, topic), topic.name, event,
                                            message_key(event).empty());
    if (dead_letters_.park() && kafka::refuses_the_topic(error)) return topic_refused(topic, status);
    if (!dead_letters_.park() || !kafka::refuses_the_event(error)) return status;
    dead_letters_.refuse(event, entry.slice->run_id, status.message());  // send parks it
    return {};
}

Status KafkaSink::park(Entry& entry, const kafka::Topic& topic, const Event& event,
                       const std::string& reason) {
    const DeadLetter letter{reason, event.commit_lsn, event.seq, topic.name};
    CDC_RETURN_IF_ERROR(dead_letters_.use(*producers_));
    const rd_kafka_resp_err_t error =
        dead_letters_.put(*producers_, message_key(event), event, letter, &entry);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return reason_behind(error, kafka::DeadLetters::not_taken(error, letter));
    window_.expect(entry);
    return {};
}

}  // namespace cdc
