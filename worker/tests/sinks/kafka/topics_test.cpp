#include "sinks/kafka/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sinks/kafka/embedded_cluster.h"
#include "sinks/slice_maker.h"

namespace cdc::kafka {
namespace {

struct Counter : ProducerListener {
    int delivered = 0;
    void on_report(const rd_kafka_message_t& message) override {
        EXPECT_EQ(message.err, RD_KAFKA_RESP_ERR_NO_ERROR);
        ++delivered;
    }
    void on_fatal(rd_kafka_resp_err_t, std::string_view text) override { ADD_FAILURE() << text; }
    void on_trouble(rd_kafka_resp_err_t, std::string_view) override {}
    void on_topic_created(void*, rd_kafka_resp_err_t, std::string_view) override {}
};

// Sends one event through topics to a cluster whose topic has so many partitions.
void send_one(Topics& topics, int partitions) {
    auto cluster = std::move(EmbeddedCluster::start(1)).value();
    rd_kafka_mock_topic_create(cluster->native(), "p.public.orders", partitions, 1);
    auto settings = make_producer_settings({cluster->bootstrap_servers(), "test", "", false},
                                           {{"allow.auto.create.topics", "false"}});
    ASSERT_TRUE(settings.ok());
    const Partitioner partitioner = settings->partitioner;
    auto producer = std::move(Producer::create(std::move(settings).value())).value();
    topics.open(*producer, "p", partitioner, {});
    const SlicePtr slice =
        test::make_transaction(Lsn{0x100}, Lsn{0x180}, {test::make_row(Op::insert, "1", "null", "{}")})[0];
    const Event& event = slice->events[1];
    const Result<Topic*> topic = topics.of(event);
    ASSERT_TRUE(topic.ok());
    ASSERT_EQ(producer->produce((*topic)->handle.get(), event.key, event.line, nullptr),
              RD_KAFKA_RESP_ERR_NO_ERROR);
    Counter counter;
    for (int i = 0; i < 100 && counter.delivered == 0; ++i)
        producer->serve(counter, std::chrono::milliseconds(100));
    EXPECT_EQ(counter.delivered, 1);
    topics.close();
}

TEST(Topics, AChangedNumberOfPartitionsIsSaidOnce) {
    Topics topics;
    send_one(topics, 4);
    EXPECT_TRUE(topics.partition_changes().empty()) << "the first number is no change";
    send_one(topics, 4);
    EXPECT_TRUE(topics.partition_changes().empty());
    send_one(topics, 6);
    EXPECT_THAT(
        topics.partition_changes(),
        testing::ElementsAre(testing::HasSubstr("\"p.public.orders\" has 6 partitions instead of 4")));
    EXPECT_TRUE(topics.partition_changes().empty());
}

}  // namespace
}  // namespace cdc::kafka
