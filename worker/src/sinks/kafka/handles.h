// librdkafka's objects as unique_ptrs: each is given back by its own function. Owner: whoever holds them; all
// of a producer's objects must go before the producer. Thread: as the object's own.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>

namespace cdc::kafka {

template <auto Free>
struct FreeWith {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
template <typename T, auto Free>
using Handle = std::unique_ptr<T, FreeWith<Free>>;

using ClientHandle = Handle<rd_kafka_t, rd_kafka_destroy>;
using ConfHandle = Handle<rd_kafka_conf_t, rd_kafka_conf_destroy>;
using TopicHandle = Handle<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using TopicConfHandle = Handle<rd_kafka_topic_conf_t, rd_kafka_topic_conf_destroy>;
using QueueHandle = Handle<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using EventHandle = Handle<rd_kafka_event_t, rd_kafka_event_destroy>;
using MetadataHandle = Handle<const struct rd_kafka_metadata, rd_kafka_metadata_destroy>;
using NewTopicHandle = Handle<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using AdminOptionsHandle = Handle<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using ConfigResourceHandle = Handle<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>;
using ErrorHandle = Handle<rd_kafka_error_t, rd_kafka_error_destroy>;

}  // namespace cdc::kafka
