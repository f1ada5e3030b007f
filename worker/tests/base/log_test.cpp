#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

// What is written to standard error while `log` runs under this level and format.
template <typename Log>
std::string logged(const std::string& level, LogFormat format, Log log) {
    testing::internal::CaptureStderr();
    log_init(level, format);
    log();
    return testing::internal::GetCapturedStderr();
}

constexpr const char* time_pattern = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z";

TEST(Log, WritesUtcTimeLevelAndMessage) {
    const std::string text = logged("info", LogFormat::text, [] { log_info("slot {}", "booking"); });
    EXPECT_THAT(text, MatchesRegex(std::string(time_pattern) + " info    slot booking\n"));
}

TEST(Log, WritesJsonLines) {
    const std::string text = logged("info", LogFormat::json, [] { log_warning("a \"b\" \\ c"); });
    EXPECT_THAT(text,
                MatchesRegex("\\{\"ts\":\"" + std::string(time_pattern) + "\",\"level\":\"warning\",.*"));
    EXPECT_THAT(text, EndsWith("\"message\":\"a \\\"b\\\" \\\\ c\"}\n"));
}

TEST(Log, LeavesOutWhatIsLessSevereThanItsLevel) {
    for (const auto& [level, lines] : {std::pair{"debug", 4}, {"info", 3}, {"warning", 2}, {"error", 1}}) {
        const std::string text = logged(level, LogFormat::text, [] {
            log_debug("one");
            log_info("two");
            log_warning("three");
            log_error("four");
        });
        EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), lines) << level;
    }
}

TEST(Log, KeepsAMessageOnOneLine) {
    const std::string hostile = "refused\n2026-01-01T00:00:00.000000Z info    forged\t\r\x1b[31m";
    for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
        const std::string text = logged("info", format, [&] { log_error("{}", hostile); });
        EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
        EXPECT_THAT(text, HasSubstr("refused\\n2026"));
        EXPECT_THAT(text, HasSubstr("forged\\t\\u000d\\u001b[31m"));
    }
}

TEST(Log, StaysUtf8WhateverAServerSays) {
    const std::string text = logged("info", LogFormat::json, [] {
        log_error("{}", "caf\xc3\xa9 caf\xe9 \xed\xa0\x80 \xf0\x9f\x90\x98 \xc0\xaf \xe2\x82");
    });
    const std::string bad = "\xef\xbf\xbd";
    EXPECT_THAT(text, EndsWith("caf\xc3\xa9 caf" + bad + " " + bad + bad + bad + " \xf0\x9f\x90\x98 " + bad +
                               bad + " " + bad + bad + "\"}\n"));
}

}  // namespace
}  // namespace cdc
