#include "sinks/kafka/delivery_errors.h"

namespace cdc::kafka {
namespace {

std::string describe(const std::optional<Event>& event) {
    if (!event) return "a message";
    std::string text =
        "the event " + std::string(event->source_id) + " (commit_lsn " + event->commit_lsn.to_string();
    if (event->seq >= 0) text += ", seq " + std::to_string(event->seq);
    return text + ")";
}

bool never_mends(rd_kafka_resp_err_t error) {
    switch (error) {
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
        case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        case RD_KAFKA_RESP_ERR__INVALID_ARG:
            return true;
        default:
            return false;
    }
}

std::string hint_for(rd_kafka_resp_err_t error, bool keyless) {
    switch (error) {
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
            return "raise the producer's message.max.bytes (properties) and the topic's max.message.bytes "
                   "together, or lower max_value_bytes";
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
            return keyless ? "a compacted topic refuses messages without a key: of a table without one, and "
                             "truncations"
                           : "the broker's log has the reason";
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
            return "grant WRITE and DESCRIBE on the topic, and CREATE where it does not exist";
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
            return "grant IDEMPOTENT_WRITE on the cluster (brokers before 2.8)";
        case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            return "grant WRITE and DESCRIBE on it (the pipeline's second one ends with #2; the pattern "
                   "\"cdc-worker.\" is right for all), or set transactions: off";
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
            return "create the topic, or let the sink do it: CREATE on the cluster or on the topic, or "
                   "auto.create.topics.enable on the brokers";
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
            return "see security.protocol and sasl.* in properties";
        case RD_KAFKA_RESP_ERR__SSL:
            return "see security.protocol and ssl.* in properties";
        case RD_KAFKA_RESP_ERR__RESOLVE:
            return "see brokers";
        default:
            return {};
    }
}

}  // namespace

bool refuses_the_event(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
           error == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

bool refuses_the_topic(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

Status delivery_failure(rd_kafka_resp_err_t error, std::string_view text, std::string_view topic,
                        const std::optional<Event>& event, bool keyless) {
    std::string message =
        "topic \"" + std::string(topic) + "\" did not accept " + describe(event) + ": " + std::string(text);
    std::string hint = hint_for(error, keyless);
    if (refuses_the_event(error)) return Status::reject(std::move(message), std::move(hint));
    if (never_mends(error)) return Status::fatal(std::move(message), std::move(hint));
    return Status::retry(std::move(message), std::move(hint));
}

Status producer_failure(rd_kafka_resp_err_t error, std::string_view text) {
    const std::string message = "the producer can't go on: " + std::string(text);
    if (never_mends(error)) return Status::fatal(message, hint_for(error, false));
    return Status::retry(message);
}

Status transaction_failure(rd_kafka_resp_err_t error, std::string_view text) {
    const std::string message = "a Kafka transaction failed: " + std::string(text);
    return never_mends(error) ? Status::fatal(message, hint_for(error, false)) : Status::retry(message);
}

Status checkpoint_failure(rd_kafka_resp_err_t error, const std::string& text, const std::string& topic) {
    const std::string message = "the checkpoint topic \"" + topic + "\" can't be used: " + text;
    const std::string hint =
        "grant READ, WRITE and DESCRIBE on it, and CREATE where it does not exist; or create it "
        "(one partition, cleanup.policy=compact)";
    return never_mends(error) ? Status::fatal(message, hint) : Status::retry(message, hint);
}

Status connect_failure(rd_kafka_resp_err_t error, const std::string& message) {
    const bool refused = error == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                         error == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED || never_mends(error);
    return refused ? Status::fatal(message, hint_for(error, false))
                   : Status::retry(message, hint_for(error, false));
}

}  // namespace cdc::kafka
