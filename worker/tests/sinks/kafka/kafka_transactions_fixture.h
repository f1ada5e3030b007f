// Shared by the tests of the transactional mode and of what brokers refuse: the transactional mode before
// librdkafka's mock cluster, which speaks the transactions' protocol but makes everything visible at once:
// what is invisible until a commit is shown with a real broker (tests/tap/integration).
#pragma once

#include <algorithm>

#include "sinks/kafka/kafka_sink_fixture.h"

namespace cdc {

inline constexpr int end_txn_request = 26;
inline constexpr int add_partitions_request = 24;

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

inline std::vector<SlicePtr> inserts(std::uint64_t commit_lsn, int rows, std::size_t slices = 1) {
    return make_transaction(Lsn{commit_lsn}, Lsn{commit_lsn + 0x80}, versions_of_keys(rows, 1), slices);
}

}  // namespace cdc
