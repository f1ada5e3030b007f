// The sink against librdkafka's mock cluster, over the real protocol; what arrived is read by a consumer.
#include "sinks/kafka/kafka_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sinks/kafka/embedded_cluster.h"
#include "sinks/kafka/topic_reader.h"
#include "sinks/slice_maker.h"

namespace cdc {
namespace {

using std::chrono::milliseconds;
using test::make_row;
using test::make_transaction;
using test::Record;
using test::Row;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr int produce_request = 0;       // ApiKey
constexpr milliseconds patience{15000};  // for what takes milliseconds

std::unique_ptr<kafka::EmbeddedCluster> start_cluster(int brokers) {
    Result<std::unique_ptr<kafka::EmbeddedCluster>> started = kafka::EmbeddedCluster::start(brokers);
    EXPECT_TRUE(started.ok()) << started.status().to_string();
    return std::move(started).value();
}

// What the runner does (pipeline/sink_runner.cpp): wait for the sink's descriptor or deadline, then poll.
Status run_until(Sink& sink, const std::function<bool()>& done, milliseconds timeout = patience) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (!done()) {
        const auto now = std::chrono::steady_clock::now();
        if (now > end) return Status::retry("the test's patience ended");
        auto until = end;
        if (const auto deadline = sink.poll_deadline()) until = std::min(until, *deadline);
        pollfd fd{sink.wait_fd(), POLLIN, 0};
        ::poll(&fd, 1, static_cast<int>(std::chrono::ceil<milliseconds>(until - now).count()));
        CDC_RETURN_IF_ERROR(sink.poll());
    }
    return {};
}

// One cluster serves all tests that leave it as it was, each under a topic prefix of its own; it takes a
// second to end, so it is left to the end of the process.
class KafkaSinkTest : public testing::Test {
  protected:
    config::KafkaSink config(std::map<std::string, std::string> properties = {}) {
        config::KafkaSink made;
        made.brokers = cluster_->bootstrap_servers();
        made.topic_prefix = prefix_;
        made.properties = std::move(properties);
        return made;
    }

    std::string topic(const std::string& rest) const { return prefix_ + "." + rest; }
    std::vector<Record> read(const std::string& rest) {
        return test::read_topic(cluster_->bootstrap_servers(), topic(rest));
    }

    void start_own_cluster(int brokers) {
        own_cluster_ = start_cluster(brokers);
        cluster_ = own_cluster_.get();
    }

    static void write_all(Sink& sink, const std::vector<SlicePtr>& slices) {
        for (const SlicePtr& slice : slices) {
            const Status status = sink.write(slice);
            ASSERT_TRUE(status.ok()) << status.to_string();
        }
    }

    static kafka::EmbeddedCluster* shared_cluster() {
        static kafka::EmbeddedCluster* const cluster = start_cluster(1).release();
        return cluster;
    }

    static std::string next_prefix() {
        static int count = 0;
        return "p" + std::to_string(++count);
    }

    const std::string prefix_ = next_prefix();
    kafka::EmbeddedCluster* cluster_ = shared_cluster();
    std::unique_ptr<kafka::EmbeddedCluster> own_cluster_;
};

std::vector<Row> versions_of_keys(int keys, int versions) {
    std::vector<Row> rows;
    for (int version = 0; version < versions; ++version) {
        for (int key = 0; key < keys; ++key) {
            const std::string id = std::to_string(key);
            rows.push_back(make_row(version == 0 ? Op::insert : Op::update, id, "null",
                                    "{\"id\":" + id + ",\"v\":" + std::to_string(version) + "}"));
        }
    }
    return rows;
}

// Every event once, and those of a key in one partition and in their order.
void expect_all_in_order(const std::vector<Record>& records, const std::vector<SlicePtr>& slices) {
    std::map<std::string, std::vector<std::string>> expected, found;
    std::map<std::string, std::set<std::int32_t>> partitions;
    for (const SlicePtr& slice : slices) {
        for (const Event& event : slice->events) {
            if (event.is_row()) expected[std::string(event.key)].emplace_back(event.line);
        }
    }
    for (const Record& record : records) {
        ASSERT_TRUE(record.key && record.value);
        found[*record.key].push_back(*record.value);
        partitions[*record.key].insert(record.partition);
    }
    EXPECT_TRUE(found == expected) << "records: " << records.size();
    for (const auto& [key, used] : partitions)
        EXPECT_EQ(used.size(), 1U) << key;
}

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
