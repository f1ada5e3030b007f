// Shared by the Kafka sink's tests: a sink before librdkafka's mock cluster, and what must have arrived
// there.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sinks/kafka/embedded_cluster.h"
#include "sinks/kafka/kafka_sink.h"
#include "sinks/kafka/topic_reader.h"
#include "sinks/slice_maker.h"

namespace cdc {

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

inline std::unique_ptr<kafka::EmbeddedCluster> start_cluster(int brokers) {
    Result<std::unique_ptr<kafka::EmbeddedCluster>> started = kafka::EmbeddedCluster::start(brokers);
    EXPECT_TRUE(started.ok()) << started.status().to_string();
    return std::move(started).value();
}

// What the runner does (pipeline/sink_runner.cpp): wait for the sink's descriptor or deadline, then poll.
inline Status run_until(Sink& sink, const std::function<bool()>& done, milliseconds timeout = patience) {
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
        made.transactions = false;
        made.checkpoint_topic = prefix_ + "._checkpoints";
        made.dead_letter_topic = prefix_ + "._dead_letters";
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

// The same slices, of a source that is so far behind.
inline std::vector<SlicePtr> sent_behind(milliseconds behind, std::vector<SlicePtr> slices) {
    for (const SlicePtr& slice : slices)
        std::const_pointer_cast<Slice>(slice)->behind = behind;
    return slices;
}

inline std::vector<Row> versions_of_keys(int keys, int versions) {
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
inline void expect_all_in_order(const std::vector<Record>& records, const std::vector<SlicePtr>& slices) {
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

}  // namespace cdc
