#include "base/lsn.h"

#include <gtest/gtest.h>

#include <limits>

namespace cdc {
namespace {

TEST(Lsn, PrintsAsTheServerDoes) {
    EXPECT_EQ(Lsn{0x16B374D848}.to_string(), "16/B374D848");
    EXPECT_EQ(Lsn{0x1539600}.to_string(), "0/1539600");
    EXPECT_EQ(Lsn{}.to_string(), "0/0");
    EXPECT_EQ(Lsn{std::numeric_limits<std::uint64_t>::max()}.to_string(), "FFFFFFFF/FFFFFFFF");
}

TEST(Lsn, ReadsWhatItPrints) {
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32,
                                      std::uint64_t{0x16B374D848}, ~std::uint64_t{0}}) {
        EXPECT_EQ(Lsn::parse(Lsn{value}.to_string()), Lsn{value});
    }
    EXPECT_EQ(Lsn::parse("0/ab"), Lsn{0xAB});  // pg_lsn_in takes lower case
}

TEST(Lsn, RefusesWhatIsNone) {
    for (const char* text : {"", "/", "0", "0/", "/0", "0/0/0", "0/123456789", "g/0", "0/-1", " 0/0", "0/0 ",
                             "0x1/0", "0/000000001", "+1/0"}) {
        EXPECT_EQ(Lsn::parse(text), std::nullopt) << '"' << text << '"';
    }
}

TEST(Lsn, OrdersByPosition) {
    EXPECT_LT(Lsn::parse("0/FFFFFFFF"), Lsn::parse("1/0"));
    EXPECT_FALSE(Lsn{});
    EXPECT_TRUE(Lsn{1});
}

}  // namespace
}  // namespace cdc
