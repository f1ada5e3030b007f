#include "source/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc::source {
namespace {

using ::testing::HasSubstr;

const SourceIdentity server{"7301", 3, "shop"};
// As pg_wal/00000003.history of a server that was promoted twice.
const char* const file = "1\t0/5000\tno recovery target specified\n\n# a comment\n2\t1/0\tbefore 2026\n";

TimelineHistory history() {
    return TimelineHistory::parse(file).value_or(TimelineHistory{});
}

SinkPosition at(std::uint32_t timeline, std::uint64_t end_lsn, std::uint64_t delivered) {
    return {"postgres", true,
            SinkPosition::Stored{"7301", "shop", timeline, "s", Lsn{end_lsn}, true, Lsn{delivered}, ""}};
}

void expect_fatal(const Status& status, const std::string& text) {
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), HasSubstr(text));
    EXPECT_THAT(status.hint(), HasSubstr("begin again"));
}

TEST(TimelineHistory, SaysWhereEachTimelineWasLeft) {
    EXPECT_EQ(history().left_at(1), Lsn{0x5000});
    EXPECT_EQ(history().left_at(2), Lsn{0x100000000});
    EXPECT_EQ(history().left_at(3), std::nullopt);
    EXPECT_EQ(TimelineHistory{}.left_at(1), std::nullopt);
}

TEST(TimelineHistory, WhatIsNoHistoryIsRefused) {
    EXPECT_TRUE(TimelineHistory::parse(""));
    for (const char* const content : {"x\t0/1\n", "1\n", "1\tnowhere\n", "1x\t0/1\n"})
        EXPECT_FALSE(TimelineHistory::parse(content)) << content;
}

TEST(FollowTimeline, APositionBeforeTheSwitchGoesOn) {
    SinkPosition position = at(1, 0x4000, 0x3FC0);
    ASSERT_TRUE(needs_history(server, {position}));
    ASSERT_TRUE(follow_timeline(server, history(), position).ok());
    EXPECT_EQ(position.stored->timeline, 3u);
    EXPECT_EQ(position.stored->end_lsn.value, 0x4000u);
}

// What lies between was decoded and held no commit; the new timeline has other WAL there.
TEST(FollowTimeline, AnIdlePositionBehindTheSwitchGoesBackToIt) {
    SinkPosition position = at(1, 0x5100, 0x4F00);
    ASSERT_TRUE(follow_timeline(server, history(), position).ok());
    EXPECT_EQ(position.stored->end_lsn.value, 0x5000u);
}

TEST(FollowTimeline, MoreDeliveredThanTheServerEverHadIsRefused) {
    for (const std::uint64_t delivered : {0x5000u, 0x5040u}) {
        SinkPosition position = at(1, 0x5100, delivered);
        expect_fatal(follow_timeline(server, history(), position), "the source left that timeline at 0/5000");
        EXPECT_EQ(position.stored->timeline, 1u);
    }
    SinkPosition in_its_middle = at(1, 0x4000, 0x5040);
    expect_fatal(follow_timeline(server, history(), in_its_middle), "has the transaction at 0/5040");
}

TEST(FollowTimeline, ATimelineThatIsNoAncestorIsRefused) {
    SinkPosition position = at(2, 0x4000, 0x3000);
    expect_fatal(follow_timeline(server, TimelineHistory::parse("1\t0/5000\tx").value(), position),
                 "not in the history of the source's timeline 3");
}

TEST(FollowTimeline, WhatIsNotBehindStaysAsItIs) {
    SinkPosition of_another_system = at(1, 0x6000, 0x5F00);
    of_another_system.stored->system_identifier = "8";
    SinkPosition snapshot = at(1, 0x6000, 0);
    snapshot.stored->streaming = false;
    const SinkPosition none{"kafka", false, std::nullopt};
    for (SinkPosition position :
         {at(3, 0x9000, 0x8000), at(4, 0x9000, 0x8000), of_another_system, snapshot, none}) {
        EXPECT_FALSE(needs_history(server, {position}));
        const auto before = position.stored;
        EXPECT_TRUE(follow_timeline(server, {}, position).ok());
        if (before) {
            EXPECT_EQ(position.stored->end_lsn, before->end_lsn);
            EXPECT_EQ(position.stored->timeline, before->timeline);
        }
    }
}

}  // namespace
}  // namespace cdc::source
