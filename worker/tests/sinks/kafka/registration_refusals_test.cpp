#include "sinks/kafka/registration_refusals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc::kafka {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* refused =
    "[thrd:main]: 127.0.0.1:9092/1: Failed to add partition \"shop.public.t\" [3] to transaction: "
    "Broker: Topic authorization failed";

TEST(RegistrationRefusals, NameTheTopicThatIsNotAuthorized) {
    EXPECT_EQ(topic_refused_in(refused), "shop.public.t");
}

TEST(RegistrationRefusals, LeaveOutWhatWasOnlyNotAttempted) {
    EXPECT_EQ(
        topic_refused_in("127.0.0.1:9092/1: Failed to add partition \"shop.public.u\" [0] to transaction: "
                         "Broker: Operation not attempted"),
        std::nullopt);
    EXPECT_EQ(topic_refused_in("Failed to add partition(s): Broker: Topic authorization failed"),
              std::nullopt);
    EXPECT_EQ(topic_refused_in("Failed to add partition \"x: Broker: Topic authorization failed"),
              std::nullopt);
    EXPECT_EQ(topic_refused_in(""), std::nullopt);
}

TEST(RegistrationRefusals, AreTakenOnce) {
    RegistrationRefusals refusals;
    refusals.read(refused);
    refusals.read(refused);
    refusals.read("something else");
    EXPECT_THAT(refusals.take(), ElementsAre("shop.public.t"));
    EXPECT_THAT(refusals.take(), IsEmpty());
}

}  // namespace
}  // namespace cdc::kafka
