#include "source/known_bugs.h"

#include <gtest/gtest.h>

namespace cdc::source {
namespace {

TEST(KnownBugs, the_newest_minors_have_none) {
    for (const int version : {140024, 150020, 160015, 170011, 180006}) {
        EXPECT_TRUE(known_bugs(version).empty()) << version;
    }
}

TEST(KnownBugs, a_version_before_the_fix_has_it_and_the_fix_has_not) {
    const auto before = known_bugs(150015);
    ASSERT_EQ(before.size(), 1u);
    EXPECT_EQ(before[0].fixed_in, "15.16");
    EXPECT_TRUE(known_bugs(150016).empty());
}

TEST(KnownBugs, a_bug_that_came_with_a_fix_begins_there) {
    const auto mentions_memory = [](int version) {
        for (const KnownBug& bug : known_bugs(version)) {
            if (bug.what.find("memory") != std::string::npos) return true;
        }
        return false;
    };
    EXPECT_FALSE(mentions_memory(150012));
    EXPECT_TRUE(mentions_memory(150013));
    EXPECT_FALSE(mentions_memory(150014));
}

TEST(KnownBugs, a_major_that_never_got_the_fix_says_so) {
    const auto bugs = known_bugs(130023);
    ASSERT_EQ(bugs.size(), 1u);
    EXPECT_EQ(bugs[0].fixed_in, "");
}

TEST(KnownBugs, all_of_an_old_minor) {
    EXPECT_EQ(known_bugs(150000).size(), 6u);
}

TEST(KnownBugs, unknown_majors_are_silent) {
    EXPECT_TRUE(known_bugs(120003).empty());
    EXPECT_TRUE(known_bugs(190000).empty());
}

}  // namespace
}  // namespace cdc::source
