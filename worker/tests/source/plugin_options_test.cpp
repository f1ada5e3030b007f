#include "source/plugin_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace cdc::source {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::Pair;

config::Source source_with_everything() {
    config::Source source;
    source.cluster = "c1";
    source.projection = "p";
    source.source_commit = "abc";
    source.include_tables = {"public.*", "sales.orders"};
    source.exclude_tables = {"public.tmp_*"};
    source.publication_names = {"pub"};
    source.masks = {"public.users.ssn:redact", "public.users.mail:hash"};
    source.messages = "all";
    source.partition = "root";
    source.int8 = "string";
    source.json = "string";
    source.origin = "none";
    source.evidence = "literal";
    source.max_value_bytes = 1000;
    source.batch_bytes = 5;
    return source;
}

TEST(PluginOptions, defaults_are_left_out) {
    config::Source source;
    source.projection = "p";
    EXPECT_THAT(stream_options(source),
                ElementsAre(Pair("transactions", "on"), Pair("batch_bytes", "65536"), Pair("projection", "p"),
                            Pair("source_commit", "unknown")));
    EXPECT_THAT(encode_options(source), ElementsAre("projection=p", "source_commit=unknown"));
}

TEST(PluginOptions, the_slots_policy_holds_in_a_snapshot_too) {
    config::Source source;
    source.slot = "s";
    source.include_tables = {"a.b"};
    EXPECT_THAT(encode_options(source), Contains("slot=s"));
    EXPECT_THAT(capture_options(source), ElementsAre("slot=s", "include_tables=a.b"));
    EXPECT_THAT(stream_options(source), Not(Contains(Pair("slot", "s"))));
}

TEST(PluginOptions, everything_that_is_set_is_passed_on) {
    const PluginOptions options = stream_options(source_with_everything());
    EXPECT_EQ(options.size(), 17u - 1u);
    EXPECT_THAT(options, Contains(Pair("include_tables", "public.*,sales.orders")));
    EXPECT_THAT(options, Contains(Pair("mask", "public.users.ssn:redact,public.users.mail:hash")));
    EXPECT_THAT(options, Contains(Pair("messages", "all")));
    EXPECT_THAT(options, Contains(Pair("origin", "none")));
    EXPECT_THAT(options, Contains(Pair("max_value_bytes", "1000")));
}

TEST(PluginOptions, publications_are_names_and_so_quoted_where_needed) {
    config::Source source;
    source.publication_names = {"plain", "with.dot", "with\"quote"};
    EXPECT_THAT(stream_options(source),
                Contains(Pair("publication_names", "plain,\"with.dot\",\"with\"\"quote\"")));
}

TEST(PluginOptions, a_snapshot_row_is_made_under_the_options_of_a_streamed_one) {
    const std::vector<std::string> encode = encode_options(source_with_everything());
    for (const auto& [name, value] : stream_options(source_with_everything())) {
        const bool of_the_stream_alone =
            name == "transactions" || name == "batch_bytes" || name == "messages" || name == "origin";
        const bool passed = std::ranges::find(encode, name + "=" + value) != encode.end();
        EXPECT_NE(passed, of_the_stream_alone) << name;
    }
}

}  // namespace
}  // namespace cdc::source
