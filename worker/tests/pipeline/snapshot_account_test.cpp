#include "pipeline/snapshot_account.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "pipeline/fake_sink.h"

namespace cdc {
namespace {

// The numbers that the slices have in their order, and what is stored with the last.
struct Written : FakeSink {
    Status write(const SlicePtr& slice) override {
        numbers.push_back(slice->progress_number);
        progress = slice->snapshot_progress;
        return {};
    }
    std::vector<std::uint64_t> numbers;
    std::string progress;
};

TEST(SnapshotAccountTest, TheFirstRangeAloneHasANumber) {
    Statistics statistics;
    statistics.sinks.push_back(std::make_unique<SinkStatistics>());
    std::vector<std::unique_ptr<Sink>> sinks;
    sinks.push_back(std::make_unique<Written>());
    auto& sink = static_cast<Written&>(*sinks.front());
    SinkGroup group(sinks, statistics, [] { return false; });
    ASSERT_TRUE(group.on_each([](Sink& each, std::size_t) { return each.open({}); }).ok());
    SnapshotAccount account(Lsn{5}, 700, 1, {11, 12});
    ASSERT_TRUE(account.hand_over(group, {}).ok());
    ASSERT_TRUE(account.hand_over(group, {{1, 0, 10, 99}}).ok());
    ASSERT_TRUE(account.hand_over(group, {{1, 10, 20, 99}}).ok());
    EXPECT_FALSE(SnapshotAccount::any_durable(group));
    ASSERT_TRUE(group.on_each([](Sink&, std::size_t) { return Status(); }).ok());
    EXPECT_EQ(sink.numbers, (std::vector<std::uint64_t>{0, 1, 0}));
    EXPECT_NE(sink.progress.find("\"11 99 0-19\""), std::string::npos) << sink.progress;
    sink.acknowledge_progress(1);
    while (!SnapshotAccount::any_durable(group))
        std::this_thread::yield();
    ASSERT_TRUE(group.stop(std::chrono::seconds(10)));
}

}  // namespace
}  // namespace cdc
