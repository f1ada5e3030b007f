#include "sinks/kafka/producer_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace cdc::kafka {
namespace {

const ProducerNeeds needs{"127.0.0.1:9092", "cdc-worker", "", false};

std::string value_of(const ProducerSettings& settings, const char* name) {
    std::array<char, 256> text{};
    std::size_t size = text.size();
    EXPECT_EQ(rd_kafka_conf_get(settings.conf.get(), name, text.data(), &size), RD_KAFKA_CONF_OK) << name;
    return text.data();
}

TEST(ProducerSettings, ForceWhatTheGuaranteeNeeds) {
    const auto settings = make_producer_settings(needs, {});
    ASSERT_TRUE(settings.ok()) << settings.status().to_string();
    EXPECT_EQ(value_of(*settings, "enable.idempotence"), "true");
    EXPECT_EQ(value_of(*settings, "enable.gapless.guarantee"), "true");
    EXPECT_EQ(value_of(*settings, "max.in.flight"), "5");
    EXPECT_EQ(value_of(*settings, "retries"), "2147483647");
    EXPECT_EQ(value_of(*settings, "queue.buffering.max.messages"), "0");
    EXPECT_EQ(value_of(*settings, "compression.codec"), "lz4");
    EXPECT_EQ(settings->partitioner, rd_kafka_msg_partitioner_murmur2_random);
}

TEST(ProducerSettings, TakeTheUsersOwn) {
    const auto settings = make_producer_settings(needs, {{"compression.type", "zstd"},
                                                         {"linger.ms", "20"},
                                                         {"acks", "-1"},
                                                         {"max.in.flight", "1"},
                                                         {"enable.idempotence", "true"},
                                                         {"partitioner", "murmur2"},
                                                         {"client.id", "mine"}});
    ASSERT_TRUE(settings.ok()) << settings.status().to_string();
    EXPECT_EQ(value_of(*settings, "compression.codec"), "zstd");
    EXPECT_EQ(value_of(*settings, "linger.ms"), "20");
    EXPECT_EQ(value_of(*settings, "client.id"), "mine");
    EXPECT_EQ(settings->partitioner, rd_kafka_msg_partitioner_murmur2);
}

TEST(ProducerSettings, OfATransactionalProducer) {
    const ProducerNeeds transactional{"b:9092", "cdc-worker", "cdc-worker.shop", true};
    const auto settings = make_producer_settings(transactional, {{"transaction.timeout.ms", "30000"}});
    ASSERT_TRUE(settings.ok()) << settings.status().to_string();
    EXPECT_EQ(value_of(*settings, "transactional.id"), "cdc-worker.shop");
    EXPECT_EQ(value_of(*settings, "enable.idempotence"), "true");
    EXPECT_EQ(value_of(*settings, "message.max.bytes"), "100000000");
    EXPECT_EQ(settings->transaction_timeout, std::chrono::seconds(30));
    EXPECT_EQ(settings->batch_bytes, 1000000U);
    EXPECT_EQ(make_producer_settings(transactional, {})->transaction_timeout, std::chrono::seconds(60));
}

TEST(ConsumerSettings, ReadWhatIsCommittedOnTheUsersWayToTheBrokers) {
    const auto conf = make_consumer_conf(
        {"b:9092", {{"security.protocol", "ssl"}, {"partitioner", "murmur2"}}}, Isolation::read_committed);
    ASSERT_TRUE(conf.ok()) << conf.status().to_string();
    ProducerSettings holder;
    holder.conf.reset(rd_kafka_conf_dup(conf->get()));
    EXPECT_EQ(value_of(holder, "isolation.level"), "read_committed");
    EXPECT_EQ(value_of(holder, "security.protocol"), "ssl");
    EXPECT_EQ(value_of(holder, "bootstrap.servers"), "b:9092");
}

class UnsafeProperty : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(UnsafeProperty, IsRefusedByName) {
    const auto& [name, value] = GetParam();
    const auto settings = make_producer_settings(needs, {{name, value}});
    ASSERT_FALSE(settings.ok()) << name;
    EXPECT_EQ(settings.status().code(), StatusCode::fatal);
    EXPECT_THAT(settings.status().message(), testing::HasSubstr(std::string("\"") + name + "\""));
}

INSTANTIATE_TEST_SUITE_P(
    All, UnsafeProperty,
    testing::Values(std::pair("enable.idempotence", "false"), std::pair("acks", "1"), std::pair("acks", "0"),
                    std::pair("request.required.acks", "1"), std::pair("max.in.flight", "6"),
                    std::pair("max.in.flight.requests.per.connection", "100"), std::pair("retries", "3"),
                    std::pair("message.send.max.retries", "0"), std::pair("message.timeout.ms", "300000"),
                    std::pair("delivery.timeout.ms", "1000"), std::pair("partitioner", "random"),
                    std::pair("partitioner", "no_such"), std::pair("queuing.strategy", "lifo"),
                    std::pair("delivery.report.only.error", "true"), std::pair("bootstrap.servers", "x:1"),
                    std::pair("transactional.id", "t"), std::pair("queue.buffering.max.kbytes", "1"),
                    std::pair("enable.gapless.guarantee", "false"), std::pair("dr_msg_cb", "x"),
                    std::pair("no.such.property", "1"), std::pair("linger.ms", "soon")));

TEST(ProducerSettings, AnUnknownPropertyGetsLibrdkafkasOwnWords) {
    const auto settings = make_producer_settings(needs, {{"no.such.property", "s3cret"}});
    EXPECT_THAT(settings.status().message(), testing::HasSubstr("No such configuration property"));
    EXPECT_THAT(settings.status().to_string(), testing::Not(testing::HasSubstr("s3cret")));
}

}  // namespace
}  // namespace cdc::kafka
