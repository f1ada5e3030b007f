#include "pipeline/sink_runner.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "pipeline/fake_sink.h"
#include "pipeline/sink_group.h"

namespace cdc {
namespace {

using namespace std::chrono_literals;

SlicePtr transaction(std::uint64_t commit_lsn, std::uint64_t end_lsn, ByteBudget* budget = nullptr) {
    auto slice = std::make_shared<Slice>();
    slice->first = slice->last = true;
    slice->commit_lsn = Lsn{commit_lsn};
    slice->end_lsn = Lsn{end_lsn};
    if (budget != nullptr) slice->lease = budget->take(1000);
    return slice;
}

template <typename Condition>
bool eventually(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(1ms);
    }
    return false;
}

class SinkRunnerTest : public testing::Test {
  protected:
    FakeSink sink;
    SinkStatistics statistics;
    EventFd changed;
    SinkRunner runner{sink, statistics, changed};
};

TEST_F(SinkRunnerTest, DurableFollowsTheSinkAndSignals) {
    sink.durable_at_once(false);
    ASSERT_TRUE(runner.begin_streaming(Lsn{0x10}).get().ok());
    runner.write(transaction(0x20, 0x30));
    ASSERT_TRUE(eventually([&] { return sink.count() == 1; }));
    EXPECT_EQ(runner.durable_lsn(), Lsn{0x10});
    changed.clear();
    sink.acknowledge(Lsn{0x30});
    ASSERT_TRUE(eventually([&] { return runner.durable_lsn() == Lsn{0x30}; }));
    pollfd fd{changed.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&fd, 1, 1000), 1);
    EXPECT_EQ(statistics.latency.count(), 1u);
}

TEST_F(SinkRunnerTest, TheStatisticsKnowWhatIsParked) {
    ASSERT_TRUE(runner.begin_streaming(Lsn{0x10}).get().ok());
    sink.parked_now = 3;
    runner.write(transaction(0x20, 0x30));
    EXPECT_TRUE(eventually([&] { return statistics.parked == 3; }));
}

TEST_F(SinkRunnerTest, ProgressFollowsTheSinkAndSignals) {
    ASSERT_TRUE(runner.begin_streaming(Lsn{0x10}).get().ok());
    ASSERT_TRUE(eventually([&] { return runner.durable_lsn() == Lsn{0x10}; }));
    EXPECT_EQ(runner.durable_progress(), 0u);
    changed.clear();
    sink.acknowledge_progress(3);  // nothing else moves
    ASSERT_TRUE(eventually([&] { return runner.durable_progress() == 3u; }));
    pollfd fd{changed.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&fd, 1, 1000), 1);
}

TEST_F(SinkRunnerTest, WhatTheSinkHoldsAlreadyIsNotHandedOn) {
    ASSERT_TRUE(runner.begin_streaming(Lsn{0x30}).get().ok());
    runner.write(transaction(0x20, 0x30));  // ends at the position: applied
    runner.write(transaction(0x30, 0x40));  // its commit record starts at the position: not applied
    ASSERT_TRUE(eventually([&] { return runner.durable_lsn() == Lsn{0x40}; }));
    EXPECT_EQ(sink.count(), 1u);
}

TEST_F(SinkRunnerTest, AnAdvanceNeverOvertakesAQueuedTransaction) {
    ASSERT_TRUE(runner.begin_streaming(Lsn{0x10}).get().ok());
    sink.durable_at_once(false);
    sink.block(true);
    runner.write(transaction(0x20, 0x30));
    runner.write(transaction(0x30, 0x40));
    runner.advance(Lsn{0x100});
    std::this_thread::sleep_for(20ms);
    EXPECT_TRUE(sink.advances().empty());
    EXPECT_EQ(runner.durable_lsn(), Lsn{0x10});
    sink.block(false);
    ASSERT_TRUE(eventually([&] { return runner.durable_lsn() == Lsn{0x100}; }));
    EXPECT_EQ(sink.count(), 2u);
}

TEST_F(SinkRunnerTest, TheSinkHearsOnceThatItsQueueHasRunDry) {
    ASSERT_TRUE(runner.begin_streaming(Lsn{0x10}).get().ok());
    sink.block(true);
    for (std::uint64_t i = 2; i < 7; ++i)
        runner.write(transaction(i * 0x10, i * 0x10 + 8));
    sink.block(false);
    ASSERT_TRUE(eventually([&] { return !sink.dry_after().empty() && sink.dry_after().back() == 5; }));
    const std::size_t heard = sink.dry_after().size();
    runner.advance(Lsn{0x1000});
    ASSERT_TRUE(eventually([&] { return runner.durable_lsn() == Lsn{0x1000}; }));
    EXPECT_EQ(sink.dry_after().size(), heard) << "without a slice there is nothing to let go";
    runner.write(transaction(0x1000, 0x1008));
    ASSERT_TRUE(eventually([&] { return sink.dry_after().back() == 6; }));
}

TEST_F(SinkRunnerTest, AFailureStopsTheRunnerAndIsKept) {
    ASSERT_TRUE(runner.begin_streaming(Lsn{0x10}).get().ok());
    sink.fail_with(Status::reject("value too long"));
    runner.write(transaction(0x20, 0x30));
    ASSERT_TRUE(eventually([&] { return runner.failure().has_value(); }));
    EXPECT_EQ(runner.failure()->code(), StatusCode::reject);
    EXPECT_EQ(runner.failure()->message(), "value too long");
    EXPECT_EQ(runner.durable_lsn(), Lsn{0x10});
    EXPECT_FALSE(runner.call([](Sink&) { return Status{}; }).get().ok());
    EXPECT_TRUE(eventually([&] { return sink.closed.load(); }));
}

TEST_F(SinkRunnerTest, ACallThatWasQueuedBehindAFailureIsAnswered) {
    ASSERT_TRUE(runner.begin_streaming(Lsn{0x10}).get().ok());
    sink.block(true);
    runner.write(transaction(0x20, 0x30));
    ASSERT_TRUE(eventually([&] { return sink.busy.load(); }));
    // Behind the first slice they are taken from the queue together with what fails, or are still in it.
    runner.call([this](Sink&) { return sink.fail_with(Status::reject("value too long")), Status{}; });
    std::vector<std::future<Status>> calls;
    for (std::uint64_t i = 3; i < 40; ++i) {
        runner.write(transaction(i * 0x10, i * 0x10 + 8));
        calls.push_back(runner.call([](Sink&) { return Status{}; }));
    }
    sink.block(false);
    for (std::future<Status>& call : calls) {
        ASSERT_EQ(call.wait_for(60s), std::future_status::ready);
        EXPECT_EQ(call.get().code(), StatusCode::reject);
    }
}

TEST_F(SinkRunnerTest, CallsAndSlicesKeepTheirOrder) {
    ASSERT_TRUE(runner.begin_streaming(Lsn{0x10}).get().ok());
    sink.block(true);
    std::vector<std::size_t> before;
    std::future<Status> last;
    for (std::uint64_t i = 2; i < 60; ++i) {
        runner.write(transaction(i * 0x10, i * 0x10 + 8));
        last = runner.call([&](Sink&) { return before.push_back(sink.count()), Status{}; });
    }
    sink.block(false);
    ASSERT_EQ(last.wait_for(60s), std::future_status::ready);
    for (std::size_t i = 0; i < before.size(); ++i)
        EXPECT_EQ(before[i], i + 1);
    EXPECT_EQ(before.size(), 58U);
}

TEST_F(SinkRunnerTest, WhatAFlushMadeDurableIsKnownWhenItIsOver) {
    sink.durable_at_once(false);
    ASSERT_TRUE(runner.begin_streaming(Lsn{0x10}).get().ok());
    runner.write(transaction(0x20, 0x30));
    for (int i = 0; i < 1000; ++i) {
        const Lsn end{0x30U + static_cast<std::uint64_t>(i)};
        const auto flush = [end](Sink& flushed) { return flushed.advance(end); };
        ASSERT_TRUE(runner.call(flush).get().ok());
        ASSERT_EQ(runner.durable_lsn(), end);
    }
}

TEST_F(SinkRunnerTest, StopGivesUpOnABusySinkAfterItsTime) {
    sink.block(true);
    runner.write(transaction(0x20, 0x30));
    ASSERT_TRUE(eventually([&] { return sink.busy.load(); }));
    EXPECT_FALSE(runner.stop(20ms));
    sink.block(false);
    EXPECT_TRUE(runner.stop(2s));
    EXPECT_TRUE(sink.closed.load());
}

TEST(SinkGroupTest, TheLeastDurableSinkDecidesAndTheBudgetWaitsForIt) {
    std::vector<std::unique_ptr<Sink>> sinks;
    sinks.push_back(std::make_unique<FakeSink>());
    sinks.push_back(std::make_unique<FakeSink>());
    auto& slow = static_cast<FakeSink&>(*sinks[1]);
    Statistics statistics;
    for (int i = 0; i < 2; ++i)
        statistics.sinks.push_back(std::make_unique<SinkStatistics>());
    ByteBudget budget(10000, [] {});
    SinkGroup group(sinks, statistics, [] { return false; });
    ASSERT_TRUE(group.begin_streaming({Lsn{0x10}, Lsn{0x10}}).ok());
    slow.durable_at_once(false);
    group.write(transaction(0x20, 0x30, &budget));
    ASSERT_TRUE(eventually([&] { return group.durable_lsn(0) == Lsn{0x30} && slow.count() == 1; }));
    EXPECT_EQ(group.durable_lsn(), Lsn{0x10});
    EXPECT_EQ(budget.held(), 1000u);
    slow.acknowledge(Lsn{0x30});
    EXPECT_TRUE(eventually([&] { return group.durable_lsn() == Lsn{0x30}; }));
    EXPECT_TRUE(group.stop(2s));
}

}  // namespace
}  // namespace cdc
