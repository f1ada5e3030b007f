// How an event looks as a message, and how a message is known again in its report. Thread: pure functions.
#pragma once

#include <librdkafka/rdkafka.h>

#include <optional>
#include <string>
#include <string_view>

#include "envelope/event.h"
#include "envelope/slice.h"
#include "sinks/kafka/topics.h"

namespace cdc::kafka {

// The message's key (kafka_sink.h); a null data() is a null key.
std::string_view message_key(const Event& event);

// The head of the event that a message carries; of a tombstone's, the delete that it follows.
std::optional<Event> event_of(const rd_kafka_message_t& message, const SlicePtr& slice);

// Why a topic refused a message; where it does not exist, also why we could not make it.
std::string reason_of(rd_kafka_resp_err_t error, const Topic& topic);

}  // namespace cdc::kafka
