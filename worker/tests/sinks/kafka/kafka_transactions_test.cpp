// The transactional mode: what is committed when, and how a position is taken up again.
#include "sinks/kafka/kafka_transactions_fixture.h"

namespace cdc {
namespace {

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

TEST_F(KafkaTransactionsTest, AChunkWithoutARowIsDurableWhenTheQueueHasRunDry) {
    KafkaSink sink(transactional());
    begin(sink, Lsn{0x80});
    const auto chunk = std::make_shared<Slice>();
    chunk->kind = SliceKind::snapshot;
    chunk->snapshot_progress = R"({"chunks":2})";
    chunk->progress_number = 2;
    write_all(sink, {chunk});
    EXPECT_EQ(sink.durable_progress(), 0U);
    ASSERT_TRUE(sink.ran_dry().ok());
    EXPECT_EQ(sink.durable_progress(), 2U);
    EXPECT_THAT(checkpoints().back(), HasSubstr(R"("snapshot_progress":"{\"chunks\":2}")"));
    const std::size_t written = checkpoints().size();
    ASSERT_TRUE(sink.ran_dry().ok());
    EXPECT_EQ(checkpoints().size(), written) << "once";
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

TEST_F(KafkaTransactionsTest, WhatASourceThatIsFarBehindSendsIsGathered) {
    config::KafkaSink slow = transactional();
    slow.commit_interval = milliseconds(3600'000);
    KafkaSink sink(slow);
    begin(sink, Lsn{0x80});
    const std::size_t before = checkpoints().size();
    for (std::uint64_t commit = 0x100; commit < 0x1000; commit += 0x100) {
        write_all(sink, sent_behind(std::chrono::hours(10), inserts(commit, 2)));
        ASSERT_TRUE(sink.ran_dry().ok());
        ASSERT_TRUE(sink.poll().ok());
    }
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x80}) << "a tenth of ten hours has not passed";
    EXPECT_EQ(checkpoints().size(), before);
    write_all(sink, inserts(0x1000, 2));
    ASSERT_TRUE(sink.ran_dry().ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x1080}) << "the source has caught up, and nobody waits any more";
    EXPECT_EQ(checkpoints().size(), before + 1);
}

TEST_F(KafkaTransactionsTest, WhatWasGatheredIsCommittedInItsTime) {
    config::KafkaSink slow = transactional();
    slow.commit_interval = milliseconds(3600'000);
    KafkaSink sink(slow);
    begin(sink, Lsn{0x80});
    write_all(sink, sent_behind(milliseconds(1000), inserts(0x100, 2)));
    ASSERT_TRUE(sink.ran_dry().ok());
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

TEST_F(KafkaTransactionsTest, ATransactionThatLostEventsIsNotCommitted) {
    KafkaSink sink(transactional());
    begin(sink, Lsn{0x80});
    const std::vector<SlicePtr> slices = inserts(0x100, 10, 5);
    write_all(sink, {slices[0], slices[1], slices[3]});
    const Status status = sink.write(slices[4]);
    EXPECT_EQ(status.code(), StatusCode::fatal);
    const std::size_t lost = slices[2]->events.size();
    EXPECT_THAT(status.message(), HasSubstr("transaction at 0/100: ended with 10 events, but " +
                                            std::to_string(10 - lost) + " were received"));
    EXPECT_FALSE(sink.ran_dry().ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x80});
}

TEST_F(KafkaTransactionsTest, APositionIsTakenOverToANewTimeline) {
    {
        KafkaSink sink(transactional());
        begin(sink, Lsn{0x80});
        write_all(sink, inserts(0x100, 3));
        ASSERT_TRUE(sink.flush(patience).ok());
        ASSERT_TRUE(sink.advance(Lsn{0x8000000}).ok());  // idle WAL that the new primary never had
        ASSERT_TRUE(sink.flush(patience).ok());
    }
    SinkContext promoted = context();
    promoted.source.timeline = 2;
    KafkaSink sink(transactional());
    ASSERT_TRUE(sink.open(promoted).ok());
    EXPECT_EQ(position(sink)->timeline, 1U);
    EXPECT_EQ(position(sink)->end_lsn, Lsn{0x8000000});
    EXPECT_EQ(position(sink)->delivered_lsn, Lsn{0x100});
    ASSERT_TRUE(sink.begin_streaming(Lsn{0x200}).ok());
    EXPECT_THAT(checkpoints().back(), HasSubstr(R"("timeline":2)"));
    EXPECT_THAT(checkpoints().back(), HasSubstr(R"("end_lsn":"0/200")"));
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x200});
    write_all(sink, inserts(0x300, 3));  // an LSN that the old timeline had passed
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x380});
    EXPECT_EQ(read("public.orders").size(), 6U);
}

// A message that is sent outside of transactions, behind the last one's end.
SlicePtr message_at(std::uint64_t lsn) {
    Row row = make_row(Op::message, "", "null", "null");
    row.source_id = "pg://c/db/MESSAGE/outbox";
    row.key = "null";
    return test::make_slice(SliceKind::message, {test::to_line(row, Lsn{lsn}, "null", "null")});
}

TEST_F(KafkaTransactionsTest, AMessageBehindTheLastCommitIsNotRepeatedAfterARestart) {
    rd_kafka_mock_topic_create(cluster_->native(), topic("_messages").c_str(), 4, 1);
    for (int starts = 0; starts < 2; ++starts) {
        KafkaSink sink(transactional());
        begin(sink, Lsn{0x180});
        write_all(sink, inserts(0x100, 1));
        write_all(sink, {message_at(0x200)});
        ASSERT_TRUE(sink.flush(patience).ok());
    }
    EXPECT_EQ(read("_messages").size(), 1U);
}

TEST_F(KafkaTransactionsTest, AMessageOfANewTimelineIsNoRepetition) {
    rd_kafka_mock_topic_create(cluster_->native(), topic("_messages").c_str(), 4, 1);
    {
        KafkaSink sink(transactional());
        begin(sink, Lsn{0x180});
        write_all(sink, {message_at(0x300)});
        ASSERT_TRUE(sink.flush(patience).ok());
    }
    SinkContext promoted = context();
    promoted.source.timeline = 2;
    KafkaSink sink(transactional());
    ASSERT_TRUE(sink.open(promoted).ok());
    ASSERT_TRUE(sink.begin_streaming(Lsn{0x180}).ok());
    write_all(sink, {message_at(0x280)});  // an LSN that the old timeline had passed
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_EQ(read("_messages").size(), 2U);
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
    ASSERT_TRUE(sink.open(context()).ok());
    ASSERT_TRUE(sink.begin_streaming(position(sink)->end_lsn).ok());  // the mock shows what is not committed
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

}  // namespace
}  // namespace cdc
