#include "incremental/run_progress.h"

#include <gtest/gtest.h>

#include "incremental/chunk_window.h"

namespace cdc::incremental {
namespace {

RunProgress example() {
    RunProgress progress;
    progress.signal = 7;
    progress.run = "0123456789abcdef0123456789abcdef";
    progress.form = R"(16384, "id" bigint)";
    progress.chunks = 3;
    progress.rows = 29999;
    progress.after = R"(["12", "a \"b\\c"])";
    progress.again = {R"(["1","x"])", "[\"2\",\"line\\nend\"]"};
    return progress;
}

TEST(RunProgress, IsOneLineOfJsonAndReadsBack) {
    const std::string json = to_json(example());
    EXPECT_EQ(json.find('\n'), std::string::npos);
    const Result<RunProgress> read = read_progress(json);
    ASSERT_TRUE(read.ok()) << read.status().to_string();
    EXPECT_EQ(*read, example());
}

TEST(RunProgress, OfARunThatIsReadFromItsStartOrDone) {
    for (const bool done : {false, true}) {
        RunProgress progress;
        progress.signal = 1;
        progress.run = "a";
        progress.done = done;
        progress.from_start = !done;
        const Result<RunProgress> read = read_progress(to_json(progress));
        ASSERT_TRUE(read.ok()) << read.status().to_string();
        EXPECT_EQ(*read, progress);
    }
}

TEST(RunProgress, WhatIsNoneIsRefused) {
    for (const char* json :
         {"", "{}", "[]", R"({"signal":1})", R"({"signal":1,"run":"a","again":[1]})", "{\"signal\""})
        EXPECT_FALSE(read_progress(json).ok()) << json;
}

TEST(KeyTexts, AreTheValuesAsSqlReadsThemInTheKeysOrder) {
    const std::string object = R"({"b":"x \"y\" \u00e9","a":12})";
    EXPECT_EQ(key_texts(object, {"a", "b"}), "[\"12\",\"x \\\"y\\\" \u00e9\"]");
    EXPECT_EQ(key_texts(object, {"a", "c"}), std::nullopt);
    EXPECT_EQ(key_texts("null", {"a"}), std::nullopt);
    const auto texts = read_texts(*key_texts(object, {"a", "b"}));
    ASSERT_TRUE(texts.ok());
    EXPECT_EQ(*texts, (std::vector<std::string>{"12", "x \"y\" \u00e9"}));
}

TEST(KeyTexts, AreReadAsJsonbWritesThemToo) {
    const auto texts = read_texts(R"(["1", "two, three", "]"])");
    ASSERT_TRUE(texts.ok());
    EXPECT_EQ(*texts, (std::vector<std::string>{"1", "two, three", "]"}));
    for (const char* json : {"", "[", "\"a\"", "[1]", "[\"a]"})
        EXPECT_FALSE(read_texts(json).ok()) << json;
}

}  // namespace
}  // namespace cdc::incremental
