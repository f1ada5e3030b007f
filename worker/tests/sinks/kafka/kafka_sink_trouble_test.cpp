// The sink and what can go wrong at a broker: outages, refusals, events too large, wrong settings.
#include "sinks/kafka/kafka_sink_fixture.h"

namespace cdc {
namespace {

TEST_F(KafkaSinkTest, ABrokerThatIsDownForAWhileLosesNothing) {
    start_own_cluster(1);
    KafkaSink sink(config({{"reconnect.backoff.ms", "20"}, {"reconnect.backoff.max.ms", "100"}}));
    ASSERT_TRUE(sink.open({}).ok());
    std::vector<SlicePtr> slices = make_transaction(Lsn{0x100}, Lsn{0x180}, versions_of_keys(10, 2));
    write_all(sink, slices);
    ASSERT_TRUE(sink.flush(patience).ok());
    rd_kafka_mock_broker_set_down(cluster_->native(), 1);
    for (int i = 2; i < 12; ++i) {
        const Lsn commit{0x100U * static_cast<unsigned>(i)};
        slices.push_back(make_transaction(commit, Lsn{commit.value + 0x80}, versions_of_keys(10, 2))[0]);
        ASSERT_TRUE(sink.write(slices.back()).ok());
    }
    ASSERT_TRUE(sink.advance(Lsn{0x5000}).ok());
    EXPECT_EQ(run_until(
                  sink, [] { return false; }, milliseconds(1500))
                  .message(),
              "the test's patience ended");
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x180});
    EXPECT_EQ(sink.flush(milliseconds(50)).code(), StatusCode::retry);
    rd_kafka_mock_broker_set_up(cluster_->native(), 1);
    const Status back = run_until(sink, [&] { return sink.durable_lsn() == Lsn{0x5000}; });
    EXPECT_TRUE(back.ok()) << back.to_string();
    expect_all_in_order(read("public.orders"), slices);
}

// Errors that pass, in the middle of a stream. One request in flight, as the mock cluster takes a batch whose
// predecessor it has just refused, which a real broker, checking sequence numbers, does not.
TEST_F(KafkaSinkTest, RequestErrorsThatPassLoseRepeatAndReorderNothing) {
    KafkaSink sink(
        config({{"retry.backoff.ms", "10"}, {"batch.num.messages", "10"}, {"max.in.flight", "1"}}));
    ASSERT_TRUE(sink.open({}).ok());
    std::vector<SlicePtr> slices = make_transaction(Lsn{0x100}, Lsn{0x180}, versions_of_keys(20, 1));
    write_all(sink, slices);
    ASSERT_TRUE(sink.flush(patience).ok());
    rd_kafka_mock_push_request_errors(
        cluster_->native(), produce_request, 6, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    for (int i = 2; i < 22; ++i) {
        const Lsn commit{0x100U * static_cast<unsigned>(i)};
        slices.push_back(make_transaction(commit, Lsn{commit.value + 0x80}, versions_of_keys(20, 3))[0]);
        ASSERT_TRUE(sink.write(slices.back()).ok());
    }
    const Status status = run_until(sink, [&] { return sink.durable_lsn() == slices.back()->end_lsn; });
    ASSERT_TRUE(status.ok()) << status.to_string();
    expect_all_in_order(read("public.orders"), slices);
}

TEST_F(KafkaSinkTest, AnEventTooLargeForTheProducerIsRejectedByNameWithoutItsValues) {
    KafkaSink sink(config({{"message.max.bytes", "10000"}}));
    ASSERT_TRUE(sink.open({}).ok());
    const std::string secret(20000, 's');
    const Status status = sink.write(
        make_transaction(Lsn{0x100}, Lsn{0x180},
                         {make_row(Op::insert, "1", "null", "{}"),
                          make_row(Op::insert, "2", "null", "{\"id\":2,\"t\":\"" + secret + "\"}")})[0]);
    EXPECT_EQ(status.code(), StatusCode::reject);
    EXPECT_THAT(status.message(), HasSubstr("\"" + topic("public.orders") + "\""));
    EXPECT_THAT(status.message(), HasSubstr("pg://c/db/public.orders/PK:2 (commit_lsn 0/100, seq 1)"));
    EXPECT_THAT(status.hint(), HasSubstr("message.max.bytes"));
    EXPECT_THAT(status.to_string(), Not(HasSubstr("sss")));
    EXPECT_EQ(sink.poll().message(), status.message()) << "the failure stays until the sink is closed";
    EXPECT_EQ(sink.write(make_transaction(Lsn{0x200}, Lsn{0x280}, {})[0]).message(), status.message());
    EXPECT_EQ(sink.durable_lsn(), Lsn{});
}

struct Refusal {
    rd_kafka_resp_err_t error;
    StatusCode code;
};

class RefusedByTheBroker : public KafkaSinkTest, public testing::WithParamInterface<Refusal> {};

TEST_P(RefusedByTheBroker, EndsTheSinkAndNamesTheEvent) {
    KafkaSink sink(config());
    ASSERT_TRUE(sink.open({}).ok());
    write_all(sink, make_transaction(Lsn{0x100}, Lsn{0x180}, versions_of_keys(1, 1)));
    ASSERT_TRUE(sink.flush(patience).ok());
    rd_kafka_mock_push_request_errors(cluster_->native(), produce_request, 1, GetParam().error);
    write_all(sink, make_transaction(Lsn{0x200}, Lsn{0x280}, {make_row(Op::insert, "5", "null", "{}")}));
    Status status =  // by now the refusal may have come or not
        sink.write(make_transaction(Lsn{0x300}, Lsn{0x380}, {make_row(Op::insert, "6", "null", "{}")})[0]);
    if (status.ok()) status = run_until(sink, [] { return false; });
    EXPECT_EQ(status.code(), GetParam().code) << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr("topic \"" + topic("public.orders") +
                                            "\" did not accept the event "
                                            "pg://c/db/public.orders/PK:5 (commit_lsn 0/200, seq 0): "));
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x180}) << "nothing behind a gap counts";

    ASSERT_TRUE(sink.open({}).ok()) << "a new producer has nothing to do with the old one's failure";
    EXPECT_EQ(sink.durable_lsn(), Lsn{});
    write_all(sink, make_transaction(Lsn{0x200}, Lsn{0x280}, {make_row(Op::insert, "5", "null", "{}")}));
    EXPECT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x280});
}

INSTANTIATE_TEST_SUITE_P(All, RefusedByTheBroker,
                         testing::Values(Refusal{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, StatusCode::reject},
                                         Refusal{RD_KAFKA_RESP_ERR_INVALID_RECORD, StatusCode::reject},
                                         Refusal{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                                 StatusCode::fatal},
                                         Refusal{RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, StatusCode::fatal},
                                         Refusal{RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, StatusCode::retry}));

TEST_F(KafkaSinkTest, ATruncationRefusedByACompactedTopicSaysWhy) {
    KafkaSink sink(config());
    ASSERT_TRUE(sink.open({}).ok());
    rd_kafka_mock_push_request_errors(cluster_->native(), produce_request, 1,
                                      RD_KAFKA_RESP_ERR_INVALID_RECORD);
    Row truncate = make_row(Op::truncate, "", "null", "null");
    truncate.key = "null";
    write_all(sink, make_transaction(Lsn{0x200}, Lsn{0x280}, {truncate}));
    const Status status = run_until(sink, [] { return false; });
    EXPECT_EQ(status.code(), StatusCode::reject);
    EXPECT_THAT(status.hint(), HasSubstr("compacted"));
}

TEST_F(KafkaSinkTest, ATopicThatDoesNotExistIsNamedWithItsFirstEvent) {
    KafkaSink sink(config({{"topic.metadata.propagation.max.ms", "100"}}));
    ASSERT_TRUE(sink.open({}).ok());
    rd_kafka_mock_topic_create(cluster_->native(), topic("public.orders").c_str(), 4, 1);
    rd_kafka_mock_topic_set_error(cluster_->native(), topic("public.orders").c_str(),
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    Status status = sink.write(make_transaction(Lsn{0x200}, Lsn{0x280}, versions_of_keys(1, 1))[0]);
    if (status.ok()) status = run_until(sink, [] { return false; });
    EXPECT_EQ(status.code(), StatusCode::retry) << "somebody may make it: " << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr("topic \"" + topic("public.orders") +
                                            "\" did not accept the event "
                                            "pg://c/db/public.orders/PK:0 (commit_lsn 0/200, seq 0): "));
    EXPECT_THAT(status.message(), testing::ContainsRegex("Unknown topic"));
    EXPECT_THAT(status.hint(), HasSubstr("create the topic"));
}

TEST_F(KafkaSinkTest, AnUnreachableBrokerIsNamedWhenTheSinkOpens) {
    config::KafkaSink nowhere = config();
    nowhere.brokers = "127.0.0.1:1";
    KafkaSink sink(nowhere);
    const auto began = std::chrono::steady_clock::now();
    const Status status = sink.open({});
    EXPECT_LT(std::chrono::steady_clock::now() - began, milliseconds(7000));
    EXPECT_EQ(status.code(), StatusCode::retry);
    EXPECT_THAT(status.message(), HasSubstr("no broker of \"127.0.0.1:1\" can be reached: "));
    EXPECT_THAT(status.message(), HasSubstr("Connection refused"));
    EXPECT_EQ(sink.wait_fd(), -1);
    EXPECT_TRUE(sink.poll().ok());
}

TEST_F(KafkaSinkTest, AnUnsafePropertyOrPrefixIsRefusedBeforeAnythingIsSent) {
    KafkaSink unsafe(config({{"acks", "1"}}));
    EXPECT_THAT(unsafe.open({}).message(), HasSubstr("\"acks\""));
    config::KafkaSink bad_prefix = config();
    bad_prefix.topic_prefix.clear();
    KafkaSink sink(bad_prefix);
    SinkContext context;
    context.pipeline = "my pipeline";
    EXPECT_THAT(sink.open(context).message(), HasSubstr("\"my pipeline\""));
}

TEST_F(KafkaSinkTest, ASnapshotIsDurableWhenItHasEnded) {
    KafkaSink sink(config());
    ASSERT_TRUE(sink.open({}).ok());
    ASSERT_TRUE(sink.begin_snapshot(Lsn{0x100}).ok());
    write_all(sink, {test::make_snapshot(Lsn{0x100}, versions_of_keys(500, 1))});
    ASSERT_TRUE(sink.end_snapshot(Lsn{0x100}).ok());
    EXPECT_EQ(read("public.orders").size(), 500U);
    EXPECT_EQ(sink.durable_lsn(), Lsn{}) << "a snapshot has no position";
    ASSERT_TRUE(sink.begin_streaming(Lsn{0x100}).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x100});
}

TEST_F(KafkaSinkTest, WritesToThreeBrokersAtOnce) {
    start_own_cluster(3);
    KafkaSink sink(config());
    ASSERT_TRUE(sink.open({}).ok());
    std::vector<SlicePtr> slices;
    for (int i = 1; i <= 30; ++i) {
        const Lsn commit{0x100U * static_cast<unsigned>(i)};
        slices.push_back(make_transaction(commit, Lsn{commit.value + 0x80}, versions_of_keys(40, 2))[0]);
        ASSERT_TRUE(sink.write(slices.back()).ok());
        if (i == 10) {
            rd_kafka_mock_broker_set_rtt(cluster_->native(), 2, 100);
        }
    }
    ASSERT_TRUE(run_until(sink, [&] { return sink.durable_lsn() == slices.back()->end_lsn; }).ok());
    expect_all_in_order(read("public.orders"), slices);
}

TEST(EmbeddedKafka, OutlivesTheSinkAndIsAnnouncedOnce) {
    config::KafkaSink embedded;
    embedded.embedded = true;
    embedded.transactions = false;
    embedded.topic_prefix = "demo";
    testing::internal::CaptureStderr();
    KafkaSink sink(embedded);
    ASSERT_TRUE(sink.open({}).ok());
    ASSERT_TRUE(sink.write(make_transaction(Lsn{0x100}, Lsn{0x180}, versions_of_keys(3, 1))[0]).ok());
    ASSERT_TRUE(sink.flush(patience).ok());
    sink.close();
    ASSERT_TRUE(sink.open({}).ok());
    ASSERT_TRUE(sink.write(make_transaction(Lsn{0x200}, Lsn{0x280}, versions_of_keys(3, 1))[0]).ok());
    ASSERT_TRUE(sink.flush(patience).ok());
    const std::string said = testing::internal::GetCapturedStderr();
    const std::string brokers = kafka::shared_embedded_cluster().value()->bootstrap_servers();
    EXPECT_THAT(said, HasSubstr("embedded kafka: bootstrap servers " + brokers + "\n"));
    EXPECT_EQ(said.find("bootstrap servers"), said.rfind("bootstrap servers"));
    EXPECT_THAT(brokers, testing::StartsWith("127.0.0.1:"));
    EXPECT_EQ(test::read_topic(brokers, "demo.public.orders").size(), 6U);
    EXPECT_EQ(sink.delivered().at("demo.public.orders"), 6U);
}

}  // namespace
}  // namespace cdc
