#include "source/table_filter.h"

#include <gtest/gtest.h>

namespace cdc::source {
namespace {

TableFilter filter(std::vector<std::string> include, std::vector<std::string> exclude = {}) {
    config::Source source;
    source.include_tables = std::move(include);
    source.exclude_tables = std::move(exclude);
    return TableFilter(source);
}

TEST(TableFilter, without_patterns_every_table_but_the_systems) {
    EXPECT_TRUE(filter({}).captures("public", "orders"));
    EXPECT_TRUE(filter({}).captures("pgx", "orders"));
    EXPECT_FALSE(filter({}).captures("pg_catalog", "pg_class"));
    EXPECT_FALSE(filter({}).captures("pg_toast", "pg_toast_1"));
    EXPECT_FALSE(filter({}).captures("information_schema", "sql_parts"));
    EXPECT_FALSE(filter({}).captures("cdc_envelope", "schema_history"));
    EXPECT_FALSE(filter({"*.*"}).captures("cdc_envelope", "schema_history"));
}

TEST(TableFilter, a_name_stands_for_itself_alone) {
    EXPECT_TRUE(filter({"public.orders"}).captures("public", "orders"));
    EXPECT_FALSE(filter({"public.orders"}).captures("public", "orders2"));
    EXPECT_FALSE(filter({"public.orders"}).captures("xpublic", "orders"));
    EXPECT_FALSE(filter({"public.orders"}).captures("public", "Orders"));
}

TEST(TableFilter, a_star_stands_for_any_run) {
    EXPECT_TRUE(filter({"public.*"}).captures("public", "orders"));
    EXPECT_TRUE(filter({"public.tmp_*"}).captures("public", "tmp_"));
    EXPECT_FALSE(filter({"public.tmp_*"}).captures("public", "tmp"));
    EXPECT_TRUE(filter({"*.orders"}).captures("sales", "orders"));
    EXPECT_TRUE(filter({"public.a*b*c"}).captures("public", "axxbxbc"));
    EXPECT_FALSE(filter({"public.a*b*c"}).captures("public", "axxbxb"));
}

TEST(TableFilter, schema_and_table_are_matched_apart) {
    EXPECT_FALSE(filter({"pub*orders.x"}).captures("public", "orders.x"));
    EXPECT_FALSE(filter({"*.a"}).captures("s", "b.a"));
    EXPECT_TRUE(filter({"*.*"}).captures("s", "b.a"));
}

TEST(TableFilter, a_partition_is_known_by_its_own_name_and_its_ancestors) {
    const std::vector<TableName> partition = {{"public", "part_1"}, {"sales", "part"}, {"sales", "root"}};
    EXPECT_TRUE(filter({"sales.root"}).captures(partition));
    EXPECT_TRUE(filter({"public.part_1"}).captures(partition));
    EXPECT_FALSE(filter({"sales.part_1"}).captures(partition));
    EXPECT_FALSE(filter({"public.*"}, {"sales.part"}).captures(partition));
}

TEST(TableFilter, quotes_keep_dots_commas_and_quotes_in_a_name) {
    EXPECT_TRUE(filter({"\"my.schema\".\"a,b\""}).captures("my.schema", "a,b"));
    EXPECT_TRUE(filter({"public.\"odd \"\"one\"\"\""}).captures("public", "odd \"one\""));
    EXPECT_TRUE(filter({"public.\"tmp.*\""}).captures("public", "tmp.1"));
}

TEST(TableFilter, what_is_no_pattern_matches_nothing) {
    EXPECT_FALSE(filter({"orders"}).captures("public", "orders"));
    EXPECT_FALSE(filter({"a.b.c"}).captures("a", "b.c"));
}

TEST(TableFilter, exclude_wins_over_include) {
    const TableFilter both = filter({"public.*"}, {"public.tmp_*"});
    EXPECT_TRUE(both.captures("public", "orders"));
    EXPECT_FALSE(both.captures("public", "tmp_1"));
    EXPECT_FALSE(both.captures("sales", "orders"));
    EXPECT_FALSE(filter({}, {"public.*"}).captures("public", "orders"));
}

TEST(TableFilter, many_stars_end_soon) {
    const std::string text(20000, 'a');
    EXPECT_FALSE(filter({"s." + std::string("a*a*a*a*a*a*a*a*") + "b"}).captures("s", text));
}

}  // namespace
}  // namespace cdc::source
