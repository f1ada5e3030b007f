#include "source/snapshot_plan.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace cdc::source {
namespace {

CapturedTable table(std::int64_t rows, std::int64_t pages, bool has_key = true) {
    CapturedTable table;
    table.estimated_rows = rows;
    table.estimated_pages = pages;
    table.has_key = has_key;
    return table;
}

TEST(SnapshotPlan, ranges_follow_each_other_and_the_last_is_open) {
    SnapshotPlan plan({table(1000, 100)}, 100, true);
    ASSERT_TRUE(plan.choose()->first);
    plan.opened(0, 35);  // the catalogue was wrong about the pages, not about their rows
    std::int64_t at = 0;
    for (int i = 0; i < 4; ++i) {
        const auto range = plan.take(0);
        ASSERT_TRUE(range);
        EXPECT_EQ(range->first, at);
        EXPECT_FALSE(range->whole_table);
        EXPECT_EQ(range->to_the_end, i == 3);
        at = range->end;
        EXPECT_EQ(plan.finished(0, *range, 100).has_value(), i == 3);
    }
    EXPECT_EQ(at, 35);
    EXPECT_FALSE(plan.take(0));
    EXPECT_FALSE(plan.choose());
}

TEST(SnapshotPlan, tables_of_the_second_part_wait) {
    SnapshotPlan plan({table(1000, 10), table(1000, 10)}, 10000, true, 1);
    EXPECT_EQ(plan.choose()->table, 0u);
    plan.opened(0, 10, 16384);
    EXPECT_EQ(plan.filenode(0), 16384);
    const auto range = plan.take(0);
    plan.read(0, 7, 700);
    plan.finished(0, *range, 7);
    EXPECT_EQ(plan.part(0).rows, 7);
    EXPECT_EQ(plan.part(0).bytes, 700);
    EXPECT_FALSE(plan.choose());
    plan.open_rest();
    const auto choice = plan.choose();
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->table, 1u);
    EXPECT_TRUE(choice->first);
}

TEST(SnapshotPlan, tells_how_far_each_table_is) {
    SnapshotPlan plan({table(1000, 100), table(10, 1)}, 100, true);
    plan.choose();
    EXPECT_FALSE(plan.part(0).opened);
    EXPECT_EQ(plan.part(0).pages, 0);
    plan.opened(0, 20);
    plan.take(0);
    const auto rest = plan.take(0);
    plan.read(0, 60, 6000);
    plan.finished(0, *rest, 60);
    const SnapshotPlan::Part part = plan.part(0);
    EXPECT_TRUE(part.opened);
    EXPECT_FALSE(part.done);
    EXPECT_EQ(part.rows, 60);
    EXPECT_EQ(part.ranges, 1);
    EXPECT_EQ(part.pages, 20);
    EXPECT_EQ(part.pages_done, 10);
    EXPECT_EQ(part.age, part.reading);
    plan.finished(0, PageRange{0, 10, false, false}, 40);
    EXPECT_TRUE(plan.part(0).done);
    EXPECT_GE(plan.part(0).age, plan.part(0).reading);
    EXPECT_FALSE(plan.part(1).opened);
}

TEST(SnapshotPlan, what_was_read_corrects_the_estimate) {
    SnapshotPlan plan({table(1000000, 100)}, 1000, true);  // 10,000 rows a page, says the catalogue
    plan.choose();
    plan.opened(0, 1000);
    auto range = plan.take(0);
    EXPECT_EQ(range->end - range->first, 1);
    plan.finished(0, *range, 10);
    range = plan.take(0);
    EXPECT_EQ(range->end - range->first, 100);
}

TEST(SnapshotPlan, without_a_key_or_ranges_of_ctid_a_table_is_one_range) {
    for (const bool has_key : {false, true}) {
        SnapshotPlan plan({table(100000, 1000, has_key)}, 10, !has_key);
        plan.choose();
        plan.opened(0, 1000);
        const auto range = plan.take(0);
        EXPECT_TRUE(range->whole_table);
        EXPECT_FALSE(plan.take(0));
        EXPECT_FALSE(plan.choose()) << "nothing to help with";
    }
}

TEST(SnapshotPlan, every_reader_has_a_table_of_its_own_and_then_helps_where_most_is_left) {
    SnapshotPlan plan({table(100, 10), table(100, 10), table(100, 10)}, 10, true);
    for (std::size_t i = 0; i < 3; ++i) {
        const auto choice = plan.choose();
        EXPECT_EQ(choice->table, i);
        EXPECT_TRUE(choice->first);
    }
    EXPECT_FALSE(plan.choose()) << "a table that is not verified yet can't be helped with";
    plan.opened(0, 10);
    plan.opened(1, 50);
    plan.skip(2);
    const auto help = plan.choose();
    EXPECT_EQ(help->table, 1u);
    EXPECT_FALSE(help->first);
    EXPECT_EQ(plan.progress().tables_done, 1u);
}

TEST(SnapshotPlan, an_empty_table_is_one_range_without_pages) {
    SnapshotPlan plan({table(0, 0)}, 10, true);
    plan.choose();
    plan.opened(0, 0);
    const auto range = plan.take(0);
    ASSERT_TRUE(range);
    EXPECT_TRUE(range->to_the_end);
    EXPECT_EQ(plan.finished(0, *range, 0), 0);
}

TEST(SnapshotPlan, tells_the_tables_without_rows_but_not_those_that_were_dropped) {
    SnapshotPlan plan({table(0, 0), table(10, 1), table(0, 0)}, 100, true);
    for (const std::size_t i : {0U, 1U}) {
        ASSERT_EQ(plan.choose()->table, i);
        plan.opened(i, 1);
        const auto range = plan.take(i);
        plan.read(i, i == 1 ? 10 : 0, 100);
        plan.finished(i, *range, i == 1 ? 10 : 0);
    }
    ASSERT_EQ(plan.choose()->table, 2U);
    plan.skip(2);
    EXPECT_EQ(plan.without_rows(), std::vector<std::size_t>{0});
}

TEST(SnapshotPlan, whatever_is_found_the_ranges_are_gapless_and_end) {
    std::mt19937 random(20260207);
    const auto up_to = [&random](int most) {
        return static_cast<std::int64_t>(random() % static_cast<unsigned>(most + 1));
    };
    for (int run = 0; run < 2000; ++run) {
        SnapshotPlan plan({table(up_to(1000), up_to(100))}, 1 + up_to(100), true);
        plan.choose();
        const std::int64_t pages = up_to(300);
        plan.opened(0, pages);
        std::int64_t at = 0;
        std::vector<PageRange> reading;
        bool ended = false;
        while (const auto range = plan.take(0)) {
            ASSERT_EQ(range->first, at);
            ASSERT_FALSE(ended);
            ASSERT_TRUE(range->to_the_end || range->end > range->first);
            ended = range->to_the_end;
            at = range->end;
            reading.push_back(*range);
            if (up_to(2) == 0) {
                ASSERT_EQ(plan.finished(0, reading.back(), up_to(200)).has_value(),
                          ended && reading.size() == 1);
                reading.pop_back();
            }
        }
        ASSERT_TRUE(ended);
        ASSERT_EQ(at, pages);
        while (!reading.empty()) {
            const bool last = plan.finished(0, reading.back(), 0).has_value();
            reading.pop_back();
            ASSERT_EQ(last, reading.empty());
        }
        ASSERT_EQ(plan.progress().pages_done, pages);
    }
}

}  // namespace
}  // namespace cdc::source
