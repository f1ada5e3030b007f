#include "sinks/kafka/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <map>
#include <set>

#include "base/log.h"
#include "sinks/kafka/embedded_cluster.h"
#include "sinks/slice_maker.h"

namespace cdc::kafka {
namespace {

struct Counter : ProducerListener {
    int delivered = 0;
    std::map<std::string, std::set<std::int32_t>> partitions;  // by key
    void on_report(const rd_kafka_message_t& message) override {
        EXPECT_EQ(message.err, RD_KAFKA_RESP_ERR_NO_ERROR);
        ++delivered;
        partitions[{static_cast<const char*>(message.key), message.key_len}].insert(message.partition);
    }
    void on_fatal(rd_kafka_resp_err_t, std::string_view text) override { ADD_FAILURE() << text; }
    void on_trouble(rd_kafka_resp_err_t, std::string_view) override {}
    void on_topic_created(void*, rd_kafka_resp_err_t, std::string_view) override {}
};

std::unique_ptr<EmbeddedCluster> cluster_with(int partitions) {
    auto cluster = std::move(EmbeddedCluster::start(1)).value();
    rd_kafka_mock_topic_create(cluster->native(), "p.public.orders", partitions, 1);
    return cluster;
}

ProducerSettings settings_for(const EmbeddedCluster& cluster) {
    return std::move(make_producer_settings({cluster.bootstrap_servers(), "test", "", false},
                                            {{"allow.auto.create.topics", "false"}}))
        .value();
}

// Sends one event through topics to a cluster whose topic has so many partitions.
void send_one(Topics& topics, int partitions) {
    const auto cluster = cluster_with(partitions);
    ProducerSettings settings = settings_for(*cluster);
    const Partitioner partitioner = settings.partitioner;
    std::vector<ProducerSettings> one;
    one.push_back(std::move(settings));
    auto producers = std::move(Producers::create(std::move(one))).value();
    topics.open(*producers, "p", partitioner, {});
    const SlicePtr slice =
        test::make_transaction(Lsn{0x100}, Lsn{0x180}, {test::make_row(Op::insert, "1", "null", "{}")})[0];
    const Event& event = slice->events[1];
    const Result<Topic*> topic = topics.of(event);
    ASSERT_TRUE(topic.ok());
    ASSERT_EQ(producers->present().produce(topics.handle(**topic), event.key, event.line, nullptr),
              RD_KAFKA_RESP_ERR_NO_ERROR);
    Counter counter;
    for (int i = 0; i < 100 && counter.delivered == 0; ++i)
        producers->serve(counter, std::chrono::milliseconds(100));
    EXPECT_EQ(counter.delivered, 1);
    topics.close();
}

using config::OnPartitionChange;

TEST(Topics, AChangedNumberOfPartitionsEndsTheSinkOnce) {
    Topics topics;
    send_one(topics, 4);
    EXPECT_TRUE(topics.check_partitions(OnPartitionChange::stop).ok()) << "the first number is no change";
    send_one(topics, 4);
    EXPECT_TRUE(topics.check_partitions(OnPartitionChange::stop).ok());
    send_one(topics, 6);
    const Status status = topics.check_partitions(OnPartitionChange::stop);
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), testing::HasSubstr("\"p.public.orders\" has 6 partitions instead of 4"));
    EXPECT_THAT(status.hint(), testing::HasSubstr("on_partition_change: accept"));
    EXPECT_TRUE(topics.check_partitions(OnPartitionChange::stop).ok());
}

TEST(Topics, AChangedNumberOfPartitionsCanBeAccepted) {
    Topics topics;
    send_one(topics, 4);
    EXPECT_TRUE(topics.check_partitions(OnPartitionChange::accept).ok());
    send_one(topics, 6);
    testing::internal::CaptureStderr();
    log_init("warning", LogFormat::text);
    EXPECT_TRUE(topics.check_partitions(OnPartitionChange::accept).ok());
    EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("has 6 partitions instead of 4"));
}

// Producers learn of new partitions each in its own time; two clusters stand for one at two moments.
TEST(Topics, AKeyKeepsItsPartitionUntilEveryProducerKnowsTheNewOnes) {
    const auto before = cluster_with(3);
    const auto after = cluster_with(7);
    std::vector<ProducerSettings> settings;
    settings.push_back(settings_for(*before));
    settings.push_back(settings_for(*after));
    const Partitioner partitioner = settings[0].partitioner;
    auto producers = std::move(Producers::create(std::move(settings))).value();
    Topics topics;
    topics.open(*producers, "p", partitioner, {});
    std::vector<test::Row> rows;
    for (int id = 0; id < 50; ++id)
        rows.push_back(test::make_row(Op::insert, std::to_string(id), "null", "{}"));
    const SlicePtr slice = test::make_transaction(Lsn{0x100}, Lsn{0x180}, rows)[0];
    Counter counter;
    int sent = 0;
    for (int round = 0; round < 4; ++round, producers->next()) {
        for (const Event& event : slice->events) {
            if (!event.is_row()) continue;
            const Result<Topic*> topic = topics.of(event);
            ASSERT_TRUE(topic.ok());
            ASSERT_EQ(producers->present().produce(topics.handle(**topic), event.key, event.line, nullptr),
                      RD_KAFKA_RESP_ERR_NO_ERROR);
            ++sent;
        }
        for (int i = 0; i < 100 && counter.delivered < sent; ++i)
            producers->serve(counter, std::chrono::milliseconds(100));
        ASSERT_EQ(counter.delivered, sent);
    }
    ASSERT_EQ(counter.partitions.size(), 50U);
    for (const auto& [key, used] : counter.partitions)
        EXPECT_EQ(used.size(), 1U) << key;
    EXPECT_TRUE(topics.check_partitions(OnPartitionChange::stop).ok())
        << "nothing has changed for the readers yet";
    topics.close();
}

// The descriptor is one for all: also what the producer reports whose turn it is not must be heard.
TEST(Producers, WhatAnyOfThemReportsIsHeard) {
    const auto cluster = cluster_with(1);
    std::vector<ProducerSettings> settings;
    settings.push_back(settings_for(*cluster));
    settings.push_back(settings_for(*cluster));
    auto producers = std::move(Producers::create(std::move(settings))).value();
    Counter counter;
    for (int round = 1; round <= 4; ++round) {
        std::string reason;
        Producer& sender = producers->present();
        const TopicHandle topic =
            sender.open_topic("p.public.orders", rd_kafka_msg_partitioner_murmur2, nullptr, reason);
        ASSERT_EQ(sender.produce(topic.get(), "k", "v", nullptr), RD_KAFKA_RESP_ERR_NO_ERROR);
        producers->next();
        EXPECT_NE(&producers->present(), &sender);
        for (int i = 0; i < 100 && counter.delivered < round; ++i) {
            pollfd fd{producers->wait_fd(), POLLIN, 0};
            ASSERT_EQ(::poll(&fd, 1, 10000), 1);
            producers->serve(counter, std::chrono::milliseconds(0));
        }
        ASSERT_EQ(counter.delivered, round);
    }
}

}  // namespace
}  // namespace cdc::kafka
