// What the brokers refuse for good, in both modes: parked whole, and nothing else with it.
#include "sinks/kafka/kafka_transactions_fixture.h"

namespace cdc {
namespace {

// What the brokers refuse, in both modes.
class KafkaRejectsTest : public KafkaTransactionsTest, public testing::WithParamInterface<bool> {
  protected:
    config::KafkaSink parking(std::map<std::string, std::string> properties = {}) {
        config::KafkaSink made = transactional(std::move(properties));
        made.transactions = GetParam();
        made.on_reject = config::OnReject::park;
        made.commit_interval = milliseconds(3600'000);  // the request that is refused is no checkpoint's
        return made;
    }
};

TEST_P(KafkaRejectsTest, AnEventThatTheBrokerRefusesIsParkedWholeWhenItComesAgain) {
    start_own_cluster(1);
    KafkaSink sink(parking({{"batch.size", "500"}}));
    begin(sink, Lsn{0x80});
    const std::string large(2000, 'x');
    const std::vector<SlicePtr> slices = make_transaction(
        Lsn{0x100}, Lsn{0x180}, {make_row(Op::insert, "2", "null", "{\"id\":2,\"t\":\"" + large + "\"}")});
    rd_kafka_mock_push_request_errors(cluster_->native(), produce_request, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    Status status = sink.write(slices[0]);
    if (status.ok()) status = run_until(sink, [] { return false; });
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr("parked"));
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x80});

    begin(sink, Lsn{0x80});  // the pipeline begins again
    write_all(sink, slices);
    write_all(sink, inserts(0x200, 1));
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x280});
    EXPECT_EQ(read("public.orders").size(), 1U) << "the others only";
    const std::vector<Record> letters = read("_dead_letters");
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_EQ(letters[0].value, std::string(slices[0]->events[1].line)) << "whole, byte by byte";
    EXPECT_EQ(letters[0].key, "{\"id\":2}");
    EXPECT_EQ(letters[0].headers.at("commit_lsn"), "0/100");
    EXPECT_EQ(sink.parked(), 1u);
    EXPECT_EQ(letters[0].headers.at("seq"), "0");
    EXPECT_EQ(letters[0].headers.at("topic"), topic("public.orders"));
    EXPECT_THAT(letters[0].headers.at("error"), HasSubstr("pg://c/db/public.orders/PK:2"));
    EXPECT_THAT(letters[0].headers.at("error"), Not(HasSubstr("xxx")));
}

TEST_P(KafkaRejectsTest, AnEventOfASmallBatchIsNotParkedForItsNeighbours) {
    start_own_cluster(1);
    KafkaSink sink(parking());
    begin(sink, Lsn{0x80});
    rd_kafka_mock_push_request_errors(cluster_->native(), produce_request, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    Status status = sink.write(inserts(0x100, 3)[0]);
    if (status.ok()) status = run_until(sink, [] { return false; });
    EXPECT_EQ(status.code(), StatusCode::fatal) << status.to_string();
    EXPECT_THAT(status.hint(), HasSubstr("batch.size"));
}

// As brokers refuse a batch of a compacted topic.
TEST_P(KafkaRejectsTest, AMessageWithoutAKeyIsParkedAndNotItsNeighbours) {
    start_own_cluster(1);
    rd_kafka_mock_topic_create(cluster_->native(), topic("public.orders").c_str(), 1, 1);
    KafkaSink sink(parking({{"linger.ms", "200"}}));
    begin(sink, Lsn{0x80});
    std::vector<Row> rows = versions_of_keys(3, 1);
    rows[1].key = "null";
    rows[1].source_id = "pg://c/db/public.orders/NONE";
    const std::vector<SlicePtr> slices = make_transaction(Lsn{0x100}, Lsn{0x180}, rows);
    rd_kafka_mock_push_request_errors(cluster_->native(), produce_request, 1,
                                      RD_KAFKA_RESP_ERR_INVALID_RECORD);
    Status status = sink.write(slices[0]);
    if (status.ok()) status = run_until(sink, [] { return false; });
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr("seq 1)")) << "it is the one that is meant";

    begin(sink, Lsn{0x80});
    write_all(sink, slices);
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(test::read_topic(cluster_->bootstrap_servers(), topic("public.orders"), 1).size(), 2U);
    const std::vector<Record> letters = read("_dead_letters");
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_EQ(letters[0].headers.at("seq"), "1");
}

TEST_P(KafkaRejectsTest, ABatchThatIsRefusedForNoKnownReasonIsParked) {
    start_own_cluster(1);
    rd_kafka_mock_topic_create(cluster_->native(), topic("public.orders").c_str(), 1, 1);
    KafkaSink sink(parking({{"linger.ms", "200"}}));
    begin(sink, Lsn{0x80});
    rd_kafka_mock_push_request_errors(cluster_->native(), produce_request, 1,
                                      RD_KAFKA_RESP_ERR_INVALID_RECORD);
    Status status = sink.write(inserts(0x100, 2)[0]);
    if (status.ok()) status = run_until(sink, [] { return false; });
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    begin(sink, Lsn{0x80});
    write_all(sink, inserts(0x100, 2));
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(read("_dead_letters").size(), 2U);
}

TEST_P(KafkaRejectsTest, EventsOfATopicThatIsNotOursToWriteAreParked) {
    start_own_cluster(1);
    KafkaSink sink(parking());
    begin(sink, Lsn{0x80});
    write_all(sink, inserts(0x100, 1));
    ASSERT_TRUE(sink.flush(patience).ok());
    rd_kafka_mock_push_request_errors(cluster_->native(), produce_request, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    Status status = sink.write(inserts(0x200, 1)[0]);
    if (status.ok()) status = run_until(sink, [] { return false; });
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    begin(sink, Lsn{0x180});
    write_all(sink, inserts(0x200, 2));
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(read("public.orders").size(), 1U);
    EXPECT_EQ(read("_dead_letters").size(), 2U);
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x280});
}

// A snapshot that begins again is of another LSN.
TEST_P(KafkaRejectsTest, ASnapshotsRowIsParkedWhenItIsReadAgain) {
    start_own_cluster(1);
    KafkaSink sink(parking({{"batch.size", "500"}}));
    const Row large = make_row(Op::read, "1", "null", "{\"id\":1,\"t\":\"" + std::string(2000, 'x') + "\"}");
    ASSERT_TRUE(sink.open(context()).ok());
    ASSERT_TRUE(sink.begin_snapshot(Lsn{0x100}).ok());
    rd_kafka_mock_push_request_errors(cluster_->native(), produce_request, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    Status status = sink.write(test::make_snapshot(Lsn{0x100}, {large}));
    // Its end would hand the checkpoint over, whose request may be the first.
    if (status.ok()) status = run_until(sink, [] { return false; });
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    EXPECT_TRUE(status.now());

    ASSERT_TRUE(sink.open(context()).ok());
    ASSERT_TRUE(sink.begin_snapshot(Lsn{0x200}).ok());
    write_all(sink,
              {test::make_snapshot(Lsn{0x200}, {large, make_row(Op::read, "2", "null", "{\"id\":2}")})});
    ASSERT_TRUE(sink.end_snapshot(Lsn{0x200}).ok());
    EXPECT_EQ(read("public.orders").size(), 1U);
    ASSERT_EQ(read("_dead_letters").size(), 1U);
    EXPECT_EQ(read("_dead_letters")[0].headers.at("commit_lsn"), "0/200");

    ASSERT_TRUE(sink.begin_snapshot(Lsn{0x300}).ok());
    write_all(sink, {test::make_snapshot(Lsn{0x300}, {large})});
    ASSERT_TRUE(sink.end_snapshot(Lsn{0x300}).ok());
    EXPECT_EQ(read("_dead_letters").size(), 1U) << "one that has ended leaves nothing to the next";
}

// By then it may fit: the brokers are asked again.
TEST_P(KafkaRejectsTest, ARowIsParkedInTheRunInWhichItWasRefusedAlone) {
    start_own_cluster(1);
    KafkaSink sink(parking({{"batch.size", "500"}}));
    const Row large = make_row(Op::read, "1", "null", "{\"id\":1,\"t\":\"" + std::string(2000, 'x') + "\"}");
    const auto read_in = [&](const std::string& run) {
        const SlicePtr slice = test::make_snapshot(Lsn{0x100}, {large});
        std::const_pointer_cast<Slice>(slice)->run_id = run;
        return slice;
    };
    begin(sink, Lsn{0x80});
    rd_kafka_mock_push_request_errors(cluster_->native(), produce_request, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    Status status = sink.write(read_in("one"));
    if (status.ok()) status = run_until(sink, [] { return false; });
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    begin(sink, Lsn{0x80});
    write_all(sink, {read_in("one")});
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(read("_dead_letters").size(), 1U);
    EXPECT_EQ(read("public.orders").size(), 0U);
    write_all(sink, {read_in("two")});
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(read("_dead_letters").size(), 1U);
    EXPECT_EQ(read("public.orders").size(), 1U);
}

// The delete under the old key is a message that the sink derives from the update.
TEST_P(KafkaRejectsTest, AnOldKeysDeleteThatIsRefusedParksItsUpdate) {
    start_own_cluster(1);
    rd_kafka_mock_topic_create(cluster_->native(), topic("public.orders").c_str(), 1, 1);
    KafkaSink sink(parking({{"batch.size", "500"}, {"max.in.flight", "1"}}));
    begin(sink, Lsn{0x80});
    const std::string text(2000, 'x');
    Row moved =
        make_row(Op::update, "2", "{\"id\":1,\"t\":\"" + text + "\"}", "{\"id\":2,\"t\":\"" + text + "\"}");
    moved.old_source_id = "pg://c/db/public.orders/PK:1";
    const auto slices = make_transaction(Lsn{0x100}, Lsn{0x180}, {moved});
    rd_kafka_mock_push_request_errors(cluster_->native(), produce_request, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    Status status = sink.write(slices[0]);
    if (status.ok()) status = run_until(sink, [] { return false; });
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();

    begin(sink, Lsn{0x80});
    write_all(sink, slices);
    write_all(sink, inserts(0x200, 1));
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x280});
    for (const Record& record : test::read_topic(cluster_->bootstrap_servers(), topic("public.orders"), 1))
        EXPECT_THAT(*record.value, Not(HasSubstr(R"("op_type":"d")")))
            << "refused once, it is not sent again";
    ASSERT_EQ(read("_dead_letters").size(), 1U);
    EXPECT_EQ(read("_dead_letters")[0].value, std::string(slices[0]->events[1].line));
}

INSTANTIATE_TEST_SUITE_P(Modes, KafkaRejectsTest, testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Transactions" : "AtLeastOnce"; });

}  // namespace
}  // namespace cdc
