// topic_reader: what stands in a topic, read by a consumer of its own over the real protocol, up to the
// partitions' high watermarks: nothing is waited for, and nothing that is there is missed.
// Thread: pure function. Failure: a GoogleTest failure of the calling test.
#pragma once

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cdc::test {

struct Record {
    std::string topic;
    std::int32_t partition = 0;
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::map<std::string, std::string> headers;
};

inline std::map<std::string, std::string> headers_of(const rd_kafka_message_t* message) {
    std::map<std::string, std::string> found;
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return found;
    const char* name = nullptr;
    const void* text = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &text, &size) == 0; ++i)
        found[name] = std::string(static_cast<const char*>(text), size);
    return found;
}

inline std::optional<std::string> text_or_null(const void* bytes, std::size_t size) {
    if (bytes == nullptr) return std::nullopt;
    return std::string(static_cast<const char*>(bytes), size);
}

inline std::vector<std::string> topics_of(rd_kafka_t* client, const std::string& prefix) {
    std::vector<std::string> names;
    const struct rd_kafka_metadata* metadata = nullptr;
    EXPECT_EQ(rd_kafka_metadata(client, 1, nullptr, &metadata, 5000), RD_KAFKA_RESP_ERR_NO_ERROR);
    if (metadata == nullptr) return names;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
        if (std::string_view(metadata->topics[i].topic).starts_with(prefix))
            names.emplace_back(metadata->topics[i].topic);
    }
    rd_kafka_metadata_destroy(metadata);
    return names;
}

inline rd_kafka_t* new_consumer(const std::string& brokers) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    std::array<char, 512> reason{};
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), reason.data(), reason.size());
    rd_kafka_conf_set(conf, "group.id", "test", reason.data(), reason.size());
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", reason.data(), reason.size());
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", reason.data(), reason.size());
    rd_kafka_t* client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason.data(), reason.size());
    EXPECT_NE(client, nullptr) << reason.data();
    rd_kafka_poll_set_consumer(client);
    return client;
}

// Every message of the topic, each partition's in order; partitions is what the topic has.
inline std::vector<Record> read_topic(const std::string& brokers, const std::string& topic,
                                      int partitions = 4) {
    rd_kafka_t* client = new_consumer(brokers);
    rd_kafka_topic_partition_list_t* assignment = rd_kafka_topic_partition_list_new(partitions);
    std::int64_t expected = 0;
    for (std::int32_t p = 0; p < partitions; ++p) {
        std::int64_t low = 0, high = 0;
        EXPECT_EQ(rd_kafka_query_watermark_offsets(client, topic.c_str(), p, &low, &high, 5000),
                  RD_KAFKA_RESP_ERR_NO_ERROR)
            << topic;
        expected += high - low;
        rd_kafka_topic_partition_list_add(assignment, topic.c_str(), p)->offset = low;
    }
    rd_kafka_assign(client, assignment);
    std::vector<Record> records;
    while (static_cast<std::int64_t>(records.size()) < expected) {
        rd_kafka_message_t* message = rd_kafka_consumer_poll(client, 5000);
        if (message == nullptr) {
            ADD_FAILURE() << topic << ": read " << records.size() << " of " << expected;
            break;
        }
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            records.push_back({topic, message->partition, text_or_null(message->key, message->key_len),
                               text_or_null(message->payload, message->len), headers_of(message)});
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_topic_partition_list_destroy(assignment);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return records;
}

// Writes one message, as another process would.
inline void write_record(const std::string& brokers, const std::string& topic, std::int32_t partition,
                         const std::string& key, const std::string& value) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    std::array<char, 512> reason{};
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), reason.data(), reason.size());
    rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason.data(), reason.size());
    ASSERT_NE(client, nullptr) << reason.data();
    EXPECT_EQ(
        rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_KEY(static_cast<const void*>(key.data()), key.size()),
                          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END),
        RD_KAFKA_RESP_ERR_NO_ERROR);
    EXPECT_EQ(rd_kafka_flush(client, 5000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(client);
}

// The topics whose names begin with prefix.
inline std::vector<std::string> list_topics(const std::string& brokers, const std::string& prefix) {
    rd_kafka_t* client = new_consumer(brokers);
    std::vector<std::string> names = topics_of(client, prefix);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return names;
}

}  // namespace cdc::test
