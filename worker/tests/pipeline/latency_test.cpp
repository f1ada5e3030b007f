#include "pipeline/latency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace cdc {
namespace {

TEST(Latency, APercentileIsWithinSixPercentOfTheTrueOne) {
    std::mt19937_64 random(1);
    std::lognormal_distribution<double> spread(8, 2);
    LatencyHistogram histogram;
    std::vector<std::int64_t> all;
    for (int i = 0; i < 20000; ++i) {
        all.push_back(static_cast<std::int64_t>(spread(random)));
        histogram.record(all.back());
    }
    std::sort(all.begin(), all.end());
    for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
        const auto truth = static_cast<double>(all[static_cast<std::size_t>(share * 20000 - 0.5)]);
        EXPECT_NEAR(static_cast<double>(histogram.percentile(share)), truth, truth * 0.065 + 1) << share;
    }
}

TEST(Latency, TheEndsOfTheScale) {
    LatencyHistogram histogram;
    EXPECT_EQ(histogram.percentile(0.5), 0);
    histogram.record(-5);  // clocks of two machines
    EXPECT_EQ(histogram.percentile(0.99), 0);
    histogram.record(INT64_MAX);
    EXPECT_GE(histogram.percentile(1.0), INT64_MAX / 2);
}

TEST(Latency, ALookCountsWhatIsBelowEachPowerOfTwo) {
    std::mt19937_64 random(2);
    std::lognormal_distribution<double> spread(8, 3);
    LatencyHistogram histogram;
    std::vector<std::int64_t> all{0, 0, 1, 2, 15, 16, 17, 31, 32, 1023, 1024, INT64_MAX / 2};
    while (all.size() < 5000)
        all.push_back(static_cast<std::int64_t>(spread(random)));
    double sum = 0;
    for (const std::int64_t us : all) {
        histogram.record(us);
        sum += static_cast<double>(us);
    }
    const LatencyHistogram::Look look = histogram.look();
    EXPECT_EQ(look.count, all.size());
    EXPECT_NEAR(look.sum_us, sum, sum * 0.032);
    for (unsigned power = 0; power < 63; ++power) {
        const auto below = std::count_if(all.begin(), all.end(),
                                         [&](std::int64_t us) { return us < (std::int64_t{1} << power); });
        EXPECT_EQ(look.below[power], static_cast<std::uint64_t>(below)) << power;
    }
    EXPECT_EQ(look.below[64], all.size());
}

}  // namespace
}  // namespace cdc
