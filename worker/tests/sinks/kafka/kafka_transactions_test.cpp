// The transactional mode before librdkafka's mock cluster, which speaks the transactions' protocol but makes
// everything visible at once: what is invisible until a commit is shown with a real broker
// (tests/tap/integration).
#include <algorithm>

#include "sinks/kafka/kafka_sink_fixture.h"

namespace cdc {
namespace {

constexpr int end_txn_request = 26;
constexpr int add_partitions_request = 24;

class KafkaTransactionsTest : public KafkaSinkTest {
  protected:
    // The mock cluster can't be asked to make topics.
    config::KafkaSink transactional(std::map<std::string, std::string> properties = {}) {
        for (const char* const name : {"public.orders", "_checkpoints", "_dead_letters"})
            rd_kafka_mock_topic_create(cluster_->native(), topic(name).c_str(), 4, 1);
        properties["allow.auto.create.topics"] = "false";
        config::KafkaSink made = config(std::move(properties));
        made.transactions = true;
        return made;
    }

    SinkContext context() const {
        SinkContext made;
        made.pipeline = prefix_;
        made.slot = "shop";
        made.source = {"7300000000000000001", 1, "shop"};
        return made;
    }

    void begin(Sink& sink, Lsn lsn) {
        const Status opened = sink.open(context());
        ASSERT_TRUE(opened.ok()) << opened.to_string();
        const Status begun = sink.begin_streaming(lsn);
        ASSERT_TRUE(begun.ok()) << begun.to_string();
    }

    static std::optional<StoredPosition> position(Sink& sink) {
        const Result<std::optional<StoredPosition>> stored = sink.stored_position();
        EXPECT_TRUE(stored.ok());
        return *stored;
    }

    std::vector<std::string> checkpoints() {
        std::vector<std::string> all;
        for (const Record& record : read("_checkpoints"))
            all.push_back(*record.value);
        return all;
    }
};

std::vector<SlicePtr> inserts(std::uint64_t commit_lsn, int rows, std::size_t slices = 1) {
    return make_transaction(Lsn{commit_lsn}, Lsn{commit_lsn + 0x80}, versions_of_keys(rows, 1), slices);
}

TEST_F(KafkaTransactionsTest, APositionIsDurableWithItsEventsWhenTheQueueHasRunDry) {
    KafkaSink sink(transactional());
    begin(sink, Lsn{0x80});
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x80});
    std::vector<SlicePtr> slices = inserts(0x100, 5);
    write_all(sink, slices);
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x80}) << "what follows may still go into the same transaction";
    ASSERT_TRUE(sink.ran_dry().ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x180});
    expect_all_in_order(read("public.orders"), slices);
    EXPECT_THAT(
        checkpoints().back(),
        HasSubstr(R"("state":"streaming","end_lsn":"0/180","commit_lsn":"0/100","seq":4,"last":true)"));
}

TEST_F(KafkaTransactionsTest, ManyTransactionsOfABusySourceAreOneCommit) {
    KafkaSink sink(transactional());
    begin(sink, Lsn{0x80});
    const std::size_t before = checkpoints().size();
    for (std::uint64_t commit = 0x100; commit < 0x1000; commit += 0x100)
        write_all(sink, inserts(commit, 2));
    ASSERT_TRUE(sink.ran_dry().ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0xF80});
    EXPECT_LE(checkpoints().size(), before + 3) << "one, or a few where the machine was slow";
}

TEST_F(KafkaTransactionsTest, ABusySourceIsCommittedAfterTheInterval) {
    config::KafkaSink fast = transactional();
    fast.commit_interval = milliseconds(30);
    KafkaSink sink(fast);
    begin(sink, Lsn{0x80});
    write_all(sink, inserts(0x100, 2));
    const Status status = run_until(sink, [&] { return sink.durable_lsn() == Lsn{0x180}; });
    EXPECT_TRUE(status.ok()) << status.to_string();
}

TEST_F(KafkaTransactionsTest, ARestartedWorkerGoesOnWhereTheOtherStood) {
    {
        KafkaSink sink(transactional());
        ASSERT_TRUE(sink.open(context()).ok());
        EXPECT_FALSE(position(sink)) << "taken over, but nothing is delivered";
        ASSERT_TRUE(sink.begin_streaming(Lsn{0x80}).ok());
        write_all(sink, inserts(0x100, 3));
        ASSERT_TRUE(sink.flush(patience).ok());
    }
    KafkaSink sink(transactional());
    ASSERT_TRUE(sink.open(context()).ok());
    const std::optional<StoredPosition> stored = position(sink);
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->end_lsn, Lsn{0x180});
    EXPECT_EQ(stored->system_identifier, "7300000000000000001");
    EXPECT_EQ(stored->timeline, 1U);
    EXPECT_EQ(stored->slot, "shop");
    EXPECT_TRUE(stored->streaming);
    ASSERT_TRUE(sink.begin_streaming(stored->end_lsn).ok());
    write_all(sink, inserts(0x100, 3));  // a replay
    write_all(sink, inserts(0x200, 3));
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(read("public.orders").size(), 6U) << "the replay is left out";
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x280});
}

TEST_F(KafkaTransactionsTest, ATransactionOverTheLimitIsSplitAndGoesOnInItsMiddle) {
    config::KafkaSink small = transactional();
    small.transaction_max_bytes = 1;
    const std::vector<SlicePtr> slices = inserts(0x100, 40, 4);
    {
        KafkaSink sink(small);
        begin(sink, Lsn{0x80});
        write_all(sink, {slices[0], slices[1]});
        EXPECT_EQ(sink.durable_lsn(), Lsn{0x80}) << "a part moves no position";
        EXPECT_THAT(checkpoints().back(), HasSubstr(R"("end_lsn":"0/80","commit_lsn":"0/100")"));
        EXPECT_THAT(checkpoints().back(), HasSubstr(R"("last":false)"));
    }
    KafkaSink sink(small);
    ASSERT_TRUE(sink.open(context()).ok());
    EXPECT_EQ(position(sink)->end_lsn, Lsn{0x80})
        << "the slot sends the transaction again from its beginning";
    ASSERT_TRUE(sink.begin_streaming(Lsn{0x80}).ok());
    write_all(sink, inserts(0x100, 40, 3));
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x180});
    expect_all_in_order(read("public.orders"), slices);
}

TEST_F(KafkaTransactionsTest, AnOpenTransactionIsNotCommittedInTheMiddleOfASourceTransaction) {
    KafkaSink sink(transactional());
    begin(sink, Lsn{0x80});
    const std::vector<SlicePtr> slices = inserts(0x100, 10, 2);
    const std::size_t before = checkpoints().size();
    write_all(sink, {slices[0]});
    ASSERT_TRUE(sink.ran_dry().ok());
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(checkpoints().size(), before);
    write_all(sink, {slices[1]});
    ASSERT_TRUE(sink.ran_dry().ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x180});
}

TEST_F(KafkaTransactionsTest, AnIdleSourcesPositionIsWrittenAtTheEnd) {
    KafkaSink sink(transactional());
    begin(sink, Lsn{0x80});
    ASSERT_TRUE(sink.advance(Lsn{0x1000}).ok());
    ASSERT_TRUE(sink.poll().ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x80});
    ASSERT_TRUE(sink.poll_deadline());
    ASSERT_TRUE(sink.advance(Lsn{0x8000000}).ok());  // far enough to be worth a transaction
    ASSERT_TRUE(sink.poll().ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x8000000});
    ASSERT_TRUE(sink.advance(Lsn{0x8000100}).ok());
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x8000100});
}

TEST_F(KafkaTransactionsTest, ASnapshotIsMarkedUntilStreamingBegins) {
    KafkaSink sink(transactional());
    ASSERT_TRUE(sink.open(context()).ok());
    ASSERT_TRUE(sink.begin_snapshot(Lsn{0x100}).ok());
    write_all(sink, {test::make_snapshot(Lsn{0x100}, versions_of_keys(500, 1))});
    ASSERT_TRUE(sink.ran_dry().ok());
    ASSERT_TRUE(sink.end_snapshot(Lsn{0x100}).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{}) << "a snapshot has no position";
    ASSERT_TRUE(sink.open(context()).ok());
    ASSERT_TRUE(position(sink));
    EXPECT_FALSE(position(sink)->streaming);
    EXPECT_EQ(position(sink)->end_lsn, Lsn{0x100});
    ASSERT_TRUE(sink.begin_streaming(Lsn{0x100}).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x100});
    ASSERT_TRUE(sink.open(context()).ok());
    EXPECT_TRUE(position(sink)->streaming);
    EXPECT_EQ(read("public.orders").size(), 500U);
}

TEST_F(KafkaTransactionsTest, AWorkerThatWasFencedOffStopsAndNamesTheOther) {
    start_own_cluster(1);
    KafkaSink first(transactional());
    begin(first, Lsn{0x80});
    write_all(first, inserts(0x100, 3));
    ASSERT_TRUE(first.ran_dry().ok());

    // Another process's claim, as a worker elsewhere would write it.
    std::string claim = checkpoints().back();
    const std::size_t owner = claim.find(R"("owner":")") + 9;
    claim.replace(owner, claim.find('"', owner) - owner, "elsewhere:7:cafe");
    test::write_record(cluster_->bootstrap_servers(), topic("_checkpoints"), 0, prefix_, claim);
    rd_kafka_mock_push_request_errors(cluster_->native(), add_partitions_request, 1,
                                      RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    write_all(first, inserts(0x200, 3));
    const Status status = first.ran_dry();
    EXPECT_EQ(status.code(), StatusCode::fatal) << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr("another worker has taken this pipeline over: elsewhere:7:cafe"));
    EXPECT_EQ(first.durable_lsn(), Lsn{0x180});
    EXPECT_EQ(first.write(inserts(0x300, 1)[0]).message(), status.message());
}

TEST_F(KafkaTransactionsTest, AProducerThatTheBrokersTimedOutIsReplaced) {
    start_own_cluster(1);
    KafkaSink sink(transactional());
    begin(sink, Lsn{0x80});
    rd_kafka_mock_push_request_errors(cluster_->native(), end_txn_request, 1,
                                      RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    write_all(sink, inserts(0x100, 3));
    const Status status = sink.ran_dry();
    EXPECT_EQ(status.code(), StatusCode::retry) << "nobody else has claimed it: " << status.to_string();
    begin(sink, Lsn{0x80});
    write_all(sink, inserts(0x100, 3));
    ASSERT_TRUE(sink.ran_dry().ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x180});
}

TEST_F(KafkaTransactionsTest, AnAbortedTransactionMovesNothingAndIsTriedAnew) {
    start_own_cluster(1);
    KafkaSink sink(transactional());
    begin(sink, Lsn{0x80});
    rd_kafka_mock_push_request_errors(cluster_->native(), add_partitions_request, 1,
                                      RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING);
    write_all(sink, inserts(0x100, 3));
    const Status status = sink.ran_dry();
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr("transaction"));
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x80});
    begin(sink, Lsn{0x80});
    EXPECT_EQ(position(sink)->end_lsn, Lsn{0x80});
    write_all(sink, inserts(0x100, 3));
    ASSERT_TRUE(sink.ran_dry().ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x180});
}

TEST_F(KafkaTransactionsTest, AMissingRightOnTheTransactionalIdIsSaid) {
    start_own_cluster(1);
    rd_kafka_mock_push_request_errors(cluster_->native(), end_txn_request, 1,
                                      RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    KafkaSink sink(transactional());
    const Status status = sink.open(context());
    EXPECT_EQ(status.code(), StatusCode::fatal) << status.to_string();
}

// What the brokers refuse, in both modes.
class KafkaRejectsTest : public KafkaTransactionsTest, public testing::WithParamInterface<bool> {
  protected:
    config::KafkaSink parking(std::map<std::string, std::string> properties = {}) {
        config::KafkaSink made = transactional(std::move(properties));
        made.transactions = GetParam();
        made.on_reject = config::OnReject::park;
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

INSTANTIATE_TEST_SUITE_P(Modes, KafkaRejectsTest, testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Transactions" : "AtLeastOnce"; });

}  // namespace
}  // namespace cdc
