#include "base/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace cdc {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToItsLimit) {
    Backoff backoff(200ms, 3s, 1);
    for (const auto& [failures, whole] : {std::pair{0, 200ms},
                                          {1, 400ms},
                                          {2, 800ms},
                                          {3, 1600ms},
                                          {4, 3000ms},
                                          {5, 3000ms},
                                          {1'000'000, 3000ms}}) {
        for (int i = 0; i < 200; ++i) {
            const auto delay = backoff.delay(failures);
            EXPECT_GE(delay, whole / 2) << failures;
            EXPECT_LE(delay, whole) << failures;
        }
    }
}

TEST(Backoff, SpreadsWorkersApart) {
    Backoff backoff(200ms, 30s, 7);
    std::set<std::int64_t> delays;
    for (int i = 0; i < 100; ++i)
        delays.insert(backoff.delay(6).count());
    EXPECT_GT(delays.size(), 50u);
}

TEST(Backoff, RepeatsItselfUnderTheSameSeed) {
    Backoff one(200ms, 30s, 42);
    Backoff same(200ms, 30s, 42);
    Backoff other(200ms, 30s, 43);
    bool differs = false;
    for (int failures = 0; failures < 20; ++failures) {
        const auto delay = one.delay(failures);
        EXPECT_EQ(delay, same.delay(failures));
        differs = differs || delay != other.delay(failures);
    }
    EXPECT_TRUE(differs);
}

TEST(Backoff, NeverWaitsLongerThanALimitBelowTheFirstDelay) {
    Backoff backoff(200ms, 50ms, 1);
    EXPECT_LE(backoff.delay(0), 50ms);
}

}  // namespace
}  // namespace cdc
