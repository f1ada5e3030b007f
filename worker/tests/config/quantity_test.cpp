#include "config/quantity.h"

#include <gtest/gtest.h>

namespace cdc::config {
namespace {

TEST(Quantity, ReadsSizes) {
    for (const auto& [text, bytes] : {std::pair<const char*, std::uint64_t>{"0", 0},
                                      {"512", 512},
                                      {"7B", 7},
                                      {"1KiB", 1024},
                                      {"64MiB", 64u << 20},
                                      {"64 MiB", 64u << 20},
                                      {"3GiB", std::uint64_t{3} << 30}}) {
        const Quantity quantity = parse_bytes(text);
        EXPECT_EQ(quantity.error, "") << text;
        EXPECT_EQ(quantity.value, bytes) << text;
    }
}

TEST(Quantity, ReadsDurations) {
    for (const auto& [text, milliseconds] : {std::pair<const char*, std::uint64_t>{"0", 0},
                                             {"100ms", 100},
                                             {"1s", 1000},
                                             {"30 s", 30'000},
                                             {"5min", 300'000},
                                             {"2h", 7'200'000},
                                             {"1d", 86'400'000}}) {
        const Quantity quantity = parse_duration(text);
        EXPECT_EQ(quantity.error, "") << text;
        EXPECT_EQ(quantity.value, milliseconds) << text;
    }
}

TEST(Quantity, RefusesWhatIsNone) {
    for (const char* text : {"", " ", "64 parsecs", "MiB", "1.5GiB", "-1", "+1", "64MB", "64kB", "64mib",
                             "1MiB ", "0x10", "1 2", " 1", "64M", "1MiBs"}) {
        EXPECT_EQ(parse_bytes(text).error, "is not a size") << '"' << text << '"';
    }
    EXPECT_EQ(parse_duration("30").error, "has no unit");
    for (const char* text : {"", "s", "1.5s", "-1s", "30sec", "1m", "1S", "30s ", "1 week"})
        EXPECT_EQ(parse_duration(text).error, "is not a duration") << '"' << text << '"';
}

TEST(Quantity, RefusesWhatOverflows) {
    for (const char* text : {"99999999999999999999", "18446744073709551615KiB", "8589934592GiB"})
        EXPECT_EQ(parse_bytes(text).error, "is too large") << text;
    EXPECT_EQ(parse_duration("9223372036854775807d").error, "is too large");
    EXPECT_EQ(parse_bytes("8589934591GiB").error, "");
}

TEST(Quantity, WritesWhatReadsBack) {
    EXPECT_EQ(format_bytes(64u << 20), "64MiB");
    EXPECT_EQ(format_bytes(1025), "1025B");
    EXPECT_EQ(format_bytes(0), "0B");
    EXPECT_EQ(format_duration(30'000), "30s");
    EXPECT_EQ(format_duration(1500), "1500ms");
    EXPECT_EQ(format_duration(3'600'000), "1h");
    for (const std::uint64_t number : {0u, 1u, 1023u, 1024u, 60'000u, 90'000u, 1u << 31}) {
        EXPECT_EQ(parse_bytes(format_bytes(number)).value, number);
        EXPECT_EQ(parse_duration(format_duration(number)).value, number);
    }
}

}  // namespace
}  // namespace cdc::config
