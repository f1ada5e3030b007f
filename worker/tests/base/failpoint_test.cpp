#include "base/failpoint.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

namespace cdc {
namespace {

// The environment is read once in a process, so each case runs in one of its own.
void pass(const char* value, int times) {
    setenv("CDC_FAILPOINT", value, 1);
    for (int i = 1; i <= times; ++i) {
        if (!failpoint("here").ok()) _exit(i);
        if (!failpoint("there").ok()) _exit(100 + i);
    }
    _exit(0);
}

class FailpointDeathTest : public testing::Test {
  protected:
    FailpointDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(FailpointDeathTest, NothingHappensWithoutTheVariable) {
    EXPECT_EXIT(pass("", 3), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(pass("elsewhere:kill", 3), testing::ExitedWithCode(0), "");
}

TEST_F(FailpointDeathTest, KillsAtTheNamedPassing) {
    EXPECT_EXIT(pass("here:kill", 1), testing::KilledBySignal(SIGKILL), "failpoint here");
    EXPECT_EXIT(pass("here@3:kill", 2), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(pass("here@3:kill", 3), testing::KilledBySignal(SIGKILL), "failpoint here");
}

TEST_F(FailpointDeathTest, FailsOnceOrEachTimeAtItsOwnPlace) {
    EXPECT_EXIT(pass("there@2:fail", 5), testing::ExitedWithCode(102), "");
    EXPECT_EXIT(pass("there@9:fail,here@4:fail", 5), testing::ExitedWithCode(4), "");
}

TEST_F(FailpointDeathTest, AMalformedValueIsRefused) {
    for (const char* const value : {"here", "here:", ":kill", "here@0:kill", "here@x:kill", "here:explode"})
        EXPECT_EXIT(pass(value, 1), testing::ExitedWithCode(2), "is not name") << value;
}

}  // namespace
}  // namespace cdc
