#include "sinks/kafka/dead_letters.h"

#include "base/log.h"

namespace cdc::kafka {
namespace {

constexpr std::chrono::milliseconds creation_patience{15000};

// A snapshot that begins again has another LSN: its rows are known by their names alone, those of a run by
// the run's id too, as they may fit when another run reads them.
constexpr Lsn of_a_row{UINT64_MAX};

Lsn lsn_of(const Event& event) {
    return event.op == Op::read ? of_a_row : event.commit_lsn;
}

}  // namespace

std::string DeadLetters::name_of(const Event& event, const std::string& run_id) {
    return run_id + " " + std::to_string(event.seq) + " " + std::string(event.source_id);
}

bool DeadLetters::refuse(const Event& event, const std::string& run_id, std::string reason) {
    return refused_.emplace(std::pair(lsn_of(event), name_of(event, run_id)), std::move(reason)).second;
}

const std::string* DeadLetters::reason_for(const Event& event, const std::string& run_id) const {
    if (refused_.empty()) return nullptr;
    const auto found = refused_.find({lsn_of(event), name_of(event, run_id)});
    return found == refused_.end() ? nullptr : &found->second;
}

void DeadLetters::forget(Lsn commit_lsn) {
    std::erase_if(refused_, [commit_lsn](const auto& refused) { return refused.first.first <= commit_lsn; });
}

void DeadLetters::forget_snapshot() {
    std::erase_if(refused_, [](const auto& refused) {
        const auto& [lsn, name] = refused.first;
        return lsn == of_a_row && name.starts_with(' ');
    });
}

Status DeadLetters::use(Producers& producers) {
    TopicHandle& handle = handles_[producers.turn()];
    if (handle) return {};
    Producer& producer = producers.present();
    std::string reason;
    const rd_kafka_resp_err_t error = producer.create_topic_now(
        {topic_,
         -1,
         {{"cleanup.policy", "delete"}, {"retention.ms", "-1"}, {"max.message.bytes", "104857600"}}},
        creation_patience, reason);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_info("kafka: created topic \"{}\" for refused events", topic_);
    } else if (error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        log_debug("kafka: topic \"{}\" is not created: {}", topic_, reason);  // it may be there for us to use
    }
    handle = producer.open_topic(topic_, rd_kafka_msg_partitioner_murmur2_random, nullptr, reason);
    if (!handle) return Status::fatal("topic \"" + topic_ + "\" can't be used: " + reason);
    return {};
}

rd_kafka_resp_err_t DeadLetters::put(Producers& producers, std::string_view key, const Event& event,
                                     const DeadLetter& letter, void* opaque) {
    const rd_kafka_resp_err_t error = producers.present().produce_with_headers(
        handles_[producers.turn()].get(), key, event.line, letter.parts("topic"), opaque);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
    log_warning("kafka: parked in \"{}\": {}", topic_, letter.error);
    ++handed_over_;
    return error;
}

Status DeadLetters::not_taken(rd_kafka_resp_err_t error, const DeadLetter& letter) {
    return Status::reject("an event can't be parked either: " + std::string(rd_kafka_err2str(error)) + " (" +
                              letter.error + ")",
                          "raise message.max.bytes in properties and the dead-letter topic's "
                          "max.message.bytes, or lower max_value_bytes");
}

}  // namespace cdc::kafka
