// The sink against librdkafka's mock cluster, over the real protocol; what arrived is read by a consumer.
#include "sinks/kafka/kafka_sink_fixture.h"

namespace cdc {
namespace {

TEST_F(KafkaSinkTest, DeliversEveryEventOnceInTheBytesAndTheOrderOfItsKey) {
    KafkaSink sink(config());
    ASSERT_TRUE(sink.open({}).ok());
    std::vector<SlicePtr> slices;
    for (int i = 0; i < 20; ++i) {
        const Lsn commit{0x1000U + 0x100U * static_cast<unsigned>(i)};
        for (const SlicePtr& slice :
             make_transaction(commit, Lsn{commit.value + 0x80}, versions_of_keys(50, 4), 3))
            slices.push_back(slice);
    }
    write_all(sink, slices);
    ASSERT_TRUE(run_until(sink, [&] { return sink.durable_lsn() == slices.back()->end_lsn; }).ok());
    const auto records = read("public.orders");
    EXPECT_EQ(records.size(), 20U * 50 * 4);
    expect_all_in_order(records, slices);
    EXPECT_EQ(sink.delivered(), (std::map<std::string, std::uint64_t>{{topic("public.orders"), 4000}}));
}

TEST_F(KafkaSinkTest, EachKindOfEventGoesToItsTopicUnderItsKey) {
    config::KafkaSink with_transactions = config();
    with_transactions.transaction_topic = true;
    KafkaSink sink(with_transactions);
    ASSERT_TRUE(sink.open({}).ok());
    Row truncate = make_row(Op::truncate, "", "null", "null");
    truncate.source_id = "pg://c/db/public.orders";
    truncate.key = "null";
    truncate.extra = R"(,"truncate":{"cascade":false,"restart_identity":false})";
    Row schema = make_row(Op::schema, "", "null", "{}");
    schema.source_id = "pg://c/db/public.orders";
    schema.key = "null";
    Row message = make_row(Op::message, "", "null", "null");
    message.source_id = "pg://c/db/MESSAGE/outbox";
    message.key = "null";
    Row keyless = make_row(Op::insert, "1", "null", R"({"a":1})");
    keyless.table = R"(odd \"name\" \u00e9)";
    keyless.key = "null";
    keyless.source_id = "pg://c/db/public.odd/NONE";
    const auto slices = make_transaction(Lsn{0x100}, Lsn{0x180}, {truncate, schema, message, keyless});
    write_all(sink, slices);
    ASSERT_TRUE(sink.flush(patience).ok());
    const std::vector<Event>& events = slices[0]->events;

    const auto tables = read("public.orders");
    ASSERT_EQ(tables.size(), 1U);
    EXPECT_EQ(tables[0].key, std::nullopt);
    EXPECT_EQ(tables[0].value, events[1].line);
    const auto schemas = read("_schema");
    ASSERT_EQ(schemas.size(), 1U);
    EXPECT_EQ(schemas[0].key, R"("pg://c/db/public.orders")");
    EXPECT_EQ(schemas[0].value, events[2].line);
    const auto messages = read("_messages");
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0].key, R"("pg://c/db/MESSAGE/outbox")");
    const auto odd = read("public.odd_x20_x22name_x22_x20_xc3_xa9");
    ASSERT_EQ(odd.size(), 1U);
    EXPECT_EQ(odd[0].key, std::nullopt);
    EXPECT_EQ(odd[0].value, events[4].line);
    const auto boundaries = read("_transactions");
    ASSERT_EQ(boundaries.size(), 2U);
    EXPECT_EQ(boundaries[0].value, events[0].line);
    EXPECT_EQ(boundaries[1].value, events[5].line);
    EXPECT_EQ(boundaries[0].key, R"("pg://c/db")");
}

TEST_F(KafkaSinkTest, TransactionBoundariesAreLeftOutUnlessAskedFor) {
    KafkaSink sink(config());
    ASSERT_TRUE(sink.open({}).ok());
    write_all(sink, make_transaction(Lsn{0x100}, Lsn{0x180}, versions_of_keys(1, 1)));
    ASSERT_TRUE(sink.flush(patience).ok());
    EXPECT_THAT(test::list_topics(cluster_->bootstrap_servers(), prefix_ + "."),
                ElementsAre(topic("public.orders")));
}

TEST_F(KafkaSinkTest, ATombstoneFollowsADeleteUnderItsKeyWhereAskedFor) {
    for (const bool tombstones : {false, true}) {
        config::KafkaSink asked = config();
        asked.tombstones = tombstones;
        asked.topic_prefix += tombstones ? "with" : "without";
        KafkaSink sink(asked);
        ASSERT_TRUE(sink.open({}).ok());
        const auto slices =
            make_transaction(Lsn{0x100}, Lsn{0x180}, {make_row(Op::remove, "7", R"({"id":7})", "null")});
        write_all(sink, slices);
        ASSERT_TRUE(sink.flush(patience).ok());
        const auto records = test::read_topic(asked.brokers, asked.topic_prefix + ".public.orders");
        ASSERT_EQ(records.size(), tombstones ? 2U : 1U);
        EXPECT_EQ(records[0].value, slices[0]->events[1].line);
        for (const Record& record : records)
            EXPECT_EQ(record.key, R"({"id":7})");
        if (tombstones) {
            EXPECT_EQ(records[1].value, std::nullopt);
            EXPECT_EQ(records[1].partition, records[0].partition);
        }
    }
}

TEST_F(KafkaSinkTest, AChangedKeyIsDeletedUnderTheOldOneAndWrittenUnderTheNew) {
    config::KafkaSink asked = config();
    asked.tombstones = true;
    KafkaSink sink(asked);
    ASSERT_TRUE(sink.open({}).ok());
    Row row = make_row(Op::update, "2", R"({"id":1})", R"({"id":2,"v":1})");
    row.old_source_id = "pg://c/db/public.orders/PK:1";
    const auto slices = make_transaction(Lsn{0x100}, Lsn{0x180}, {row});
    write_all(sink, slices);
    ASSERT_TRUE(sink.flush(patience).ok());
    std::map<std::string, std::vector<std::optional<std::string>>> by_key;
    for (const Record& record : read("public.orders"))
        by_key[record.key.value_or("null")].push_back(record.value);
    ASSERT_EQ(by_key.size(), 2U);
    const auto& old_key = by_key[R"({"id":1})"];
    ASSERT_EQ(old_key.size(), 2U);
    EXPECT_THAT(old_key[0].value(), HasSubstr(R"("op_type":"d")"));
    EXPECT_THAT(old_key[0].value(), HasSubstr(R"("source_id":"pg://c/db/public.orders/PK:1",)"));
    EXPECT_EQ(old_key[1], std::nullopt);
    EXPECT_THAT(by_key[R"({"id":2})"], ElementsAre(slices[0]->events[1].line));
}

// Events of a slice go to librdkafka together where nothing of another kind stands between them.
TEST_F(KafkaSinkTest, WhatASliceDoesToOneKeyStaysInItsOrderAroundDerivedMessages) {
    config::KafkaSink asked = config();
    asked.tombstones = true;
    KafkaSink sink(asked);
    ASSERT_TRUE(sink.open({}).ok());
    const Row inserted = make_row(Op::insert, "1", "null", R"({"id":1})");
    Row other = inserted;
    other.table = "other";
    Row moved = make_row(Op::update, "2", R"({"id":1})", R"({"id":2})");
    moved.old_source_id = "pg://c/db/public.orders/PK:1";
    const Row removed = make_row(Op::remove, "1", R"({"id":1})", "null");
    const auto slices = make_transaction(Lsn{0x100}, Lsn{0x180},
                                         {inserted, moved, inserted, other, inserted, removed, inserted});
    write_all(sink, slices);
    ASSERT_TRUE(sink.flush(patience).ok());
    std::string of_key;  // the op of each message under it, 0: a tombstone
    for (const Record& record : read("public.orders")) {
        if (record.key != R"({"id":1})") continue;
        const std::string value = record.value.value_or(R"("op_type":"0")");
        of_key += value.at(value.find("\"op_type\":\"") + 11);
    }
    EXPECT_EQ(of_key, "cd0ccd0c");
    EXPECT_EQ(read("public.other").size(), 1U);
}

// The bytes are the slice's own, so the slice must live exactly as long as somebody sends from it. Under
// AddressSanitizer a slice that is let go too early is found here.
TEST_F(KafkaSinkTest, KeepsASliceUntilItsMessagesAreAcknowledgedAndNoLonger) {
    start_own_cluster(1);
    int wakeups = 0;
    ByteBudget budget(1 << 20, [&] { ++wakeups; });
    KafkaSink sink(config({{"compression.type", "none"}}));
    ASSERT_TRUE(sink.open({}).ok());
    rd_kafka_mock_broker_set_rtt(cluster_->native(), 1, 200);
    std::vector<Row> rows(
        30, make_row(Op::insert, "1", "null", R"({"text":")" + std::string(100000, 'x') + R"("})"));
    for (int i = 0; i < 3; ++i) {
        const Lsn commit{0x100U * static_cast<unsigned>(i + 1)};
        ASSERT_TRUE(sink.write(make_transaction(commit, Lsn{commit.value + 0x80}, rows, 1, &budget)[0]).ok());
    }
    EXPECT_GT(budget.held(), 9U * 1000 * 1000);
    EXPECT_EQ(sink.durable_lsn(), Lsn{});
    ASSERT_TRUE(run_until(sink, [&] { return budget.held() == 0; }).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x380});
    EXPECT_EQ(wakeups, 1);
    rd_kafka_mock_broker_set_rtt(cluster_->native(), 1, 2000);
    ASSERT_TRUE(sink.write(make_transaction(Lsn{0x400}, Lsn{0x480}, rows, 1, &budget)[0]).ok());
    sink.close();
    EXPECT_EQ(budget.held(), 0U) << "close gives up what is not acknowledged";
}

TEST_F(KafkaSinkTest, WhatASourceThatIsFarBehindSendsGoesInFullBatchesOrInItsTime) {
    config::KafkaSink slow = config({{"batch.size", "20000"}});
    slow.commit_interval = milliseconds(3600'000);
    KafkaSink sink(slow);
    ASSERT_TRUE(sink.open(SinkContext{}).ok());
    const auto behind = [](milliseconds time, std::uint64_t commit, int rows) {
        return sent_behind(time,
                           make_transaction(Lsn{commit}, Lsn{commit + 0x80}, versions_of_keys(rows, 1)));
    };
    write_all(sink, behind(std::chrono::hours(10), 0x100, 1));
    EXPECT_EQ(run_until(
                  sink, [&] { return sink.durable_lsn() > Lsn{}; }, milliseconds(200))
                  .code(),
              StatusCode::retry);
    write_all(sink, behind(std::chrono::hours(10), 0x200, 200));
    EXPECT_TRUE(run_until(sink, [&] { return sink.durable_lsn() == Lsn{0x280}; }).ok()) << "a full batch";
    write_all(sink, behind(milliseconds(1000), 0x300, 1));
    EXPECT_TRUE(run_until(sink, [&] { return sink.durable_lsn() == Lsn{0x380}; }).ok()) << "in its time";
}

TEST_F(KafkaSinkTest, HoldsBackWhatComesWhileManyMessagesAreInFlightAndThePositionBehindIt) {
    start_own_cluster(1);
    KafkaSink sink(config());
    SinkContext context;
    ASSERT_TRUE(sink.open(context).ok());
    rd_kafka_mock_broker_set_rtt(cluster_->native(), 1, 200);
    const std::vector<SlicePtr> slices = {
        make_transaction(Lsn{0x100}, Lsn{0x180}, versions_of_keys(500, 1))[0],
        make_transaction(Lsn{0x200}, Lsn{0x280}, versions_of_keys(500, 2))[0]};
    ByteBudget budget(64 << 20, [] {});
    auto last = make_transaction(Lsn{0x300}, Lsn{0x380}, versions_of_keys(500, 3), 1, &budget);
    write_all(sink, slices);
    ASSERT_TRUE(sink.write(last[0]).ok());
    last.clear();
    ASSERT_TRUE(sink.advance(Lsn{0x1000}).ok());
    ASSERT_TRUE(run_until(sink, [&] { return sink.durable_lsn() >= Lsn{0x1000}; }).ok());
    EXPECT_EQ(budget.held(), 0U) << "the position came behind the last of them";
}

}  // namespace
}  // namespace cdc
