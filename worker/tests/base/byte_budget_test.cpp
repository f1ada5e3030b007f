#include "base/byte_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace cdc {
namespace {

TEST(ByteBudget, HasRoomBelowItsLimitAndNoneAtIt) {
    ByteBudget budget(100, [] {});
    ByteBudget::Lease first = budget.take(99);
    EXPECT_TRUE(budget.has_room());
    ByteBudget::Lease second = budget.take(1);
    EXPECT_FALSE(budget.has_room());
    EXPECT_EQ(budget.held(), 100u);
}

TEST(ByteBudget, LetsOneMessagePassTheLimit) {
    ByteBudget budget(100, [] {});
    ByteBudget::Lease huge = budget.take(1'000'000);
    EXPECT_FALSE(budget.has_room());
    EXPECT_EQ(budget.held(), 1'000'000u);
}

TEST(ByteBudget, SaysOnceThatThereIsRoomAgain) {
    int told = 0;
    ByteBudget budget(100, [&] { ++told; });
    ByteBudget::Lease first = budget.take(80);
    ByteBudget::Lease second = budget.take(80);
    ByteBudget::Lease third = budget.take(30);
    second.release();  // 110 held: still none
    EXPECT_EQ(told, 0);
    third.release();
    EXPECT_EQ(told, 1);
    first.release();  // there was room already
    EXPECT_EQ(told, 1);
    EXPECT_EQ(budget.held(), 0u);
}

TEST(ByteBudget, CallsWithoutItsLockHeld) {
    std::size_t seen = 1;
    ByteBudget* self = nullptr;
    ByteBudget budget(10, [&] { seen = self->held(); });  // would deadlock
    self = &budget;
    budget.take(10).release();
    EXPECT_EQ(seen, 0u);
}

TEST(ByteBudget, ALeaseGivesBackOnceHoweverItIsMoved) {
    ByteBudget budget(100, [] {});
    {
        ByteBudget::Lease lease = budget.take(40);
        ByteBudget::Lease moved = std::move(lease);
        EXPECT_EQ(budget.held(), 40u);
        ByteBudget::Lease other = budget.take(7);
        other = std::move(moved);  // what it held is given back
        EXPECT_EQ(budget.held(), 40u);
        other.release();
        other.release();
        EXPECT_EQ(budget.held(), 0u);
    }
    EXPECT_EQ(budget.held(), 0u);
}

TEST(ByteBudget, CountsRightUnderManyThreads) {
    std::atomic<int> told{0};
    ByteBudget budget(1000, [&] { ++told; });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&budget] {
            for (int i = 0; i < 5000; ++i) {
                ByteBudget::Lease lease = budget.take(static_cast<std::size_t>(i % 700));
                ByteBudget::Lease moved = std::move(lease);
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(budget.held(), 0u);
    EXPECT_TRUE(budget.has_room());
}

}  // namespace
}  // namespace cdc
