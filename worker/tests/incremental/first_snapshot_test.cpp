#include "incremental/first_snapshot.h"

#include <gmock/gmock.h>

#include <random>
#include <set>

namespace cdc::incremental {
namespace {

using ::testing::HasSubstr;

Ranges of(const std::string& text) {
    const auto ranges = read_ranges(text);
    EXPECT_TRUE(ranges.ok()) << text;
    return ranges.ok() ? *ranges : Ranges();
}

TEST(Ranges, neighbours_become_one) {
    Ranges ranges;
    ranges.add(10, 20);
    ranges.add(30, 40);
    ranges.add(20, 30);
    EXPECT_EQ(to_text(ranges), "10-39");
    ranges.add(0, 10);
    ranges.add(40, Ranges::no_end);
    EXPECT_EQ(to_text(ranges), "0-");
    EXPECT_TRUE(ranges.whole());
}

TEST(Ranges, what_is_malformed_is_refused) {
    for (const char* text : {"1", "1-2,", ",1-2", "2-1", "a", "-1-2", "1-2;3-4", "1-2-3", "5-,7-8x"})
        EXPECT_FALSE(read_ranges(text).ok()) << text;
    EXPECT_TRUE(of("").empty());
}

// Against sets of numbers.
TEST(Ranges, are_sets_whatever_is_added_in_whatever_order) {
    std::mt19937 random(17);
    for (int round = 0; round < 500; ++round) {
        Ranges a, b;
        std::set<std::int64_t> in_a, in_b;
        const auto fill = [&](Ranges& ranges, std::set<std::int64_t>& numbers) {
            for (int i = 0; i < 6; ++i) {
                const std::int64_t first = random() % 40, end = first + random() % 8;
                ranges.add(first, end);
                for (std::int64_t n = first; n < end; ++n)
                    numbers.insert(n);
            }
        };
        fill(a, in_a);
        fill(b, in_b);
        const Ranges both = common(a, b);
        for (std::int64_t n = 0; n < 50; ++n) {
            ASSERT_EQ(a.contains(n), in_a.contains(n)) << to_text(a) << " " << n;
            ASSERT_EQ(both.contains(n), in_a.contains(n) && in_b.contains(n));
        }
        ASSERT_EQ(of(to_text(a)), a);
        for (std::size_t i = 1; i < a.ranges().size(); ++i)
            ASSERT_LT(a.ranges()[i - 1].end, a.ranges()[i].first);
    }
}

FirstSnapshotProgress progress() {
    FirstSnapshotProgress progress;
    progress.point = *Lsn::parse("1/2A");
    progress.xmin = 5'000'000'123;
    progress.before = 2;
    progress.done = of("1-5,9-9");
    progress.tables[6] = {16384, of("0-99,200-299")};
    progress.tables[7] = {16390, of("0-9")};
    return progress;
}

TEST(FirstSnapshotProgress, comes_back_as_it_was_stored) {
    const auto read = read_first_snapshot(to_json(progress()));
    ASSERT_TRUE(read.ok()) << read.status().to_string();
    EXPECT_EQ(*read, progress());
    EXPECT_FALSE(read_first_snapshot(R"({"signal":1,"run":"a","chunks":2})").ok()) << "that is a run's";
    EXPECT_FALSE(read_first_snapshot("").ok());
    EXPECT_FALSE(
        read_first_snapshot(R"({"snapshot":"0/1","xmin":5,"before":0,"done":"","tables":["7 x 1-2"]})").ok());
}

TEST(FirstSnapshotProgress, of_two_sinks_only_what_both_have_counts) {
    FirstSnapshotProgress other = progress();
    other.done = of("1-4,6-6");
    other.tables.clear();
    other.tables[5] = {16380, of("0-49")};
    other.tables[7] = {16390, of("5-19")};
    const FirstSnapshotProgress both = common(progress(), other);
    EXPECT_EQ(both, common(other, progress()));
    EXPECT_EQ(to_text(both.done), "1-4");
    ASSERT_EQ(both.tables.size(), 3u);
    EXPECT_EQ(to_text(both.tables.at(5).pages), "0-49") << "whole in one, in part in the other";
    EXPECT_EQ(to_text(both.tables.at(6).pages), "0-99,200-299");
    EXPECT_EQ(both.tables.at(6).filenode, 16384);
    EXPECT_EQ(to_text(both.tables.at(7).pages), "5-9");
}

TEST(DeliveredPages, are_told_from_other_rows_by_page_and_transaction) {
    const DeliveredPages delivered{(1ull << 32) + 77, 16384, of("0-9,20-")};
    EXPECT_EQ(*read_delivered(to_json(delivered)), delivered);
    EXPECT_EQ(delivered_condition(delivered),
              "(\"row\".ctid >= '(0,0)'::tid AND \"row\".ctid < '(10,0)'::tid OR \"row\".ctid >= "
              "'(20,0)'::tid) AND age(\"row\".xmin) > age('77'::xid)");
    EXPECT_THAT(read_delivered("{}").status().message(), HasSubstr("not stored as it should be"));
}

TEST(DeliveredPages, are_not_told_apart_in_another_file_nor_too_late) {
    const DeliveredPages delivered{1000, 16384, of("0-")};
    EXPECT_TRUE(still_told_apart(delivered, 16384, 1000));
    EXPECT_TRUE(still_told_apart(delivered, 16384, 1'900'000'000));
    EXPECT_FALSE(still_told_apart(delivered, 16385, 1000)) << "rewritten";
    EXPECT_FALSE(still_told_apart(delivered, 16384, (1ull << 31) + 1000)) << "new ids look like old ones";
    EXPECT_FALSE(still_told_apart(delivered, 16384, 999)) << "of another cluster";
}

}  // namespace
}  // namespace cdc::incremental
