// What a broker's refusal means for the pipeline: librdkafka retries what passes by itself, so an error that
// reaches us ends this producer. retry: a new producer and a replay may mend it. reject: this event is not
// accepted, however often it is sent. fatal: a person has to change something first.
// Messages name the topic, source_id, commit_lsn and seq of the event, never its values.
// Thread: pure functions.
#pragma once

#include <librdkafka/rdkafka.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "envelope/event.h"

namespace cdc::kafka {

// An event was not delivered to topic. event: its head, where it is known. text: librdkafka's or the broker's
// explanation; keyless: the message had no key.
Status delivery_failure(rd_kafka_resp_err_t error, std::string_view text, std::string_view topic,
                        const std::optional<Event>& event, bool keyless);

// The producer as a whole can't go on (RD_KAFKA_RESP_ERR__FATAL).
Status producer_failure(rd_kafka_resp_err_t error, std::string_view text);

// A call of the transactional API failed (not fatally: producer_failure's). text names the call.
Status transaction_failure(rd_kafka_resp_err_t error, std::string_view text);

// The checkpoint topic can't be read or made. text: the broker's words, and what they are about.
Status checkpoint_failure(rd_kafka_resp_err_t error, const std::string& text, const std::string& topic);

// Whether the event, or its whole topic, is refused for good, so that it can be parked (on_reject).
bool refuses_the_event(rd_kafka_resp_err_t error);
bool refuses_the_topic(rd_kafka_resp_err_t error);

// The first contact with the cluster failed: with the last connection error, where there was one.
Status connect_failure(rd_kafka_resp_err_t error, const std::string& message);

}  // namespace cdc::kafka
