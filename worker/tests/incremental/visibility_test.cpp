#include "incremental/visibility.h"

#include <gtest/gtest.h>

namespace cdc::incremental {
namespace {

Visibility parsed(const char* text) {
    const Result<Visibility> seen = Visibility::parse(text);
    EXPECT_TRUE(seen.ok()) << seen.status().to_string();
    return seen.ok() ? *seen : Visibility{};
}

TEST(Visibility, SeesWhatHadEnded) {
    const Visibility seen = parsed("10:20:10,14,15");
    for (const std::uint32_t xid : {3u, 9u, 11u, 13u, 16u, 19u})
        EXPECT_TRUE(seen.sees(xid)) << xid;
    for (const std::uint32_t xid : {10u, 14u, 15u, 20u, 21u, 1000u})
        EXPECT_FALSE(seen.sees(xid)) << xid;
}

TEST(Visibility, NothingRunning) {
    const Visibility seen = parsed("20:20:");
    EXPECT_TRUE(seen.sees(19));
    EXPECT_FALSE(seen.sees(20));
}

// 2^32 + 5: the envelope has the lower 32 bits.
TEST(Visibility, AcrossTheWraparound) {
    const Visibility seen = parsed("4294967290:4294967301:4294967294,4294967298");
    EXPECT_TRUE(seen.sees(4294967289u));
    EXPECT_TRUE(seen.sees(4294967293u));
    EXPECT_FALSE(seen.sees(4294967294u));
    EXPECT_TRUE(seen.sees(1));  // 2^32 + 1
    EXPECT_FALSE(seen.sees(2));
    EXPECT_TRUE(seen.sees(4));
    EXPECT_FALSE(seen.sees(5));
    EXPECT_FALSE(seen.sees(100));
}

TEST(Visibility, RefusesWhatIsNoSnapshot) {
    for (const char* text : {"", "1", "1:2", "a:b:", "1:2:x", "5:3:", "1:2:1,", "1:2;"}) {
        const bool trailing = std::string_view(text) == "1:2:1,";
        EXPECT_EQ(Visibility::parse(text).ok(), trailing) << text;
    }
}

}  // namespace
}  // namespace cdc::incremental
