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

}  // namespace
}  // namespace cdc
