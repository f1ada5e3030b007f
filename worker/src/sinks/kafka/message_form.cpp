#include "sinks/kafka/message_form.h"

#include "envelope/event_reader.h"

namespace cdc::kafka {
namespace {

// source_id with the quotes that stand around it in the envelope: a JSON string.
std::string_view source_id_json(const Event& event) {
    return {event.source_id.data() - 1, event.source_id.size() + 2};
}

std::string_view bytes_of(const void* data, std::size_t size) {
    return data == nullptr ? std::string_view{} : std::string_view(static_cast<const char*>(data), size);
}

}  // namespace

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

std::string reason_of(rd_kafka_resp_err_t error, const Topic& topic) {
    const bool missing =
        error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    const std::string reason = rd_kafka_err2str(error);
    return missing && !topic.creation_error.empty() ? reason + "; " + topic.creation_error : reason;
}

}  // namespace cdc::kafka
