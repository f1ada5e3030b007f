#include "sinks/kafka/broker_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const BrokerWatch::Clock::time_point start{seconds(1000)};

BrokerWatch broken() {
    BrokerWatch watch("host:9092");
    watch.connection_failed("Connect to ipv4#10.0.0.1:9092 failed: Connection refused");
    watch.all_down();
    return watch;
}

TEST(BrokerWatch, SaysSoOnceThenEveryHalfMinuteThenThatItIsOver) {
    BrokerWatch watch = broken();
    EXPECT_EQ(watch.due(start, true), std::nullopt);
    EXPECT_EQ(watch.deadline(), start + seconds(1));
    EXPECT_EQ(watch.due(start + milliseconds(999), true), std::nullopt);
    EXPECT_EQ(watch.due(start + seconds(1), true),
              "no broker of \"host:9092\" can be reached: Connect to ipv4#10.0.0.1:9092 failed: Connection "
              "refused");
    EXPECT_EQ(watch.deadline(), start + seconds(31));
    EXPECT_EQ(watch.due(start + seconds(30), true), std::nullopt);
    EXPECT_NE(watch.due(start + seconds(31), true), std::nullopt);
    EXPECT_EQ(watch.delivered(start + seconds(40)), "a broker of \"host:9092\" is reached again after 40 s");
    EXPECT_EQ(watch.delivered(start + seconds(41)), std::nullopt);
    EXPECT_EQ(watch.deadline(), std::nullopt);
    EXPECT_EQ(watch.due(start + seconds(100), true), std::nullopt);
}

TEST(BrokerWatch, AShortOutageAndAnIdleOneAreNotWorthALine) {
    BrokerWatch watch = broken();
    EXPECT_EQ(watch.due(start, true), std::nullopt);
    EXPECT_EQ(watch.delivered(start + milliseconds(500)), std::nullopt);

    BrokerWatch idle = broken();
    EXPECT_EQ(idle.due(start, false), std::nullopt);
    EXPECT_EQ(idle.deadline(), std::nullopt);
    EXPECT_EQ(idle.due(start + seconds(600), true), std::nullopt) << "a second to connect again";
    EXPECT_EQ(idle.delivered(start + seconds(600)), std::nullopt);
}

}  // namespace
}  // namespace cdc::kafka
