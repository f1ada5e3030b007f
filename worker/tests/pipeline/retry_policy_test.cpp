#include "pipeline/retry_policy.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

using namespace std::chrono_literals;
using Clock = RetryPolicy::Clock;

const Status trouble = Status::retry("it broke");
const Clock::time_point start{};

TEST(RetryPolicy, PausesGrowWhileNothingBecomesDurable) {
    RetryPolicy policy(30s, 0ms);
    std::chrono::milliseconds last{0};
    for (int i = 0; i < 6; ++i) {
        // Each attempt comes to streaming, and fails at once.
        const auto pause = policy.after_failure(trouble, false, 5ms, start);
        ASSERT_TRUE(pause);
        EXPECT_GE(*pause, last / 2);
        last = *pause;
    }
    EXPECT_GE(last, 200ms * 32 / 2);
    EXPECT_EQ(policy.failures(), 6);
}

TEST(RetryPolicy, ProgressEndsTheRow) {
    RetryPolicy policy(30s, 0ms);
    for (int i = 0; i < 6; ++i)
        policy.after_failure(trouble, false, 5ms, start);
    EXPECT_LE(policy.after_failure(trouble, true, 5ms, start), 200ms);
    for (int i = 0; i < 6; ++i)
        policy.after_failure(trouble, false, 5ms, start);
    EXPECT_LE(policy.after_failure(trouble, false, 30s, start), 200ms) << "it stood for the longest pause";
}

TEST(RetryPolicy, WhatWasLearnedNeedsNoPause) {
    RetryPolicy policy(30s, 0ms);
    const Status learned = Status::retry_now("it is parked when it comes again").in("sink kafka");
    for (int i = 0; i < 20; ++i)
        EXPECT_LE(policy.after_failure(learned, false, 5ms, start), 200ms);
    EXPECT_EQ(policy.failures(), 0);
}

TEST(RetryPolicy, GivesUpAfterMaxTimeWithoutProgress) {
    RetryPolicy policy(1s, 10s);
    EXPECT_TRUE(policy.after_failure(trouble, false, 0ms, start + 1h)) << "counts from the first failure";
    EXPECT_TRUE(policy.after_failure(trouble, false, 0ms, start + 1h + 9s));
    EXPECT_TRUE(policy.after_failure(trouble, true, 0ms, start + 1h + 20s));
    EXPECT_TRUE(policy.after_failure(trouble, false, 0ms, start + 1h + 29s));
    EXPECT_FALSE(policy.after_failure(trouble, false, 0ms, start + 1h + 30s));
    RetryPolicy for_ever(1s, 0ms);
    for_ever.after_failure(trouble, false, 0ms, start);
    EXPECT_TRUE(for_ever.after_failure(trouble, false, 0ms, start + 10000h));
}

}  // namespace
}  // namespace cdc
