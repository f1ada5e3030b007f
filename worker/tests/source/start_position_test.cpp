#include "source/start_position.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc::source {
namespace {

using config::OnMissing;
using config::SnapshotMode;
using ::testing::HasSubstr;

const SourceIdentity server{"7301", 3, "shop"};
const Lsn flush{0x9000};

SlotState slot_at(std::uint64_t confirmed) {
    SlotState slot;
    slot.name = "s";
    slot.plugin = plugin_name;
    slot.database = "shop";
    slot.wal_status = "reserved";
    slot.restart_lsn = Lsn{confirmed - 0x10};
    slot.confirmed_flush_lsn = Lsn{confirmed};
    return slot;
}

SinkPosition at(std::uint64_t end_lsn, bool streaming = true) {
    return {"postgres", true,
            SinkPosition::Stored{"7301", "shop", 3, "s", Lsn{end_lsn}, streaming, Lsn{}, ""}};
}
SinkPosition keeps_none() {
    return {"kafka", false, std::nullopt};
}
SinkPosition empty() {
    return {"postgres", true, std::nullopt};
}

Result<StartPlan> plan(const std::optional<SlotState>& slot, const std::vector<SinkPosition>& sinks,
                       StartRules rules = {}) {
    return plan_start(server, flush, "s", slot, rules, sinks);
}
Result<StartPlan> plan(const std::optional<SlotState>& slot, const std::vector<SinkPosition>& sinks,
                       SnapshotMode mode) {
    return plan(slot, sinks, StartRules{mode, OnMissing::fail});
}

void expect_stream_at(const Result<StartPlan>& plan, std::uint64_t lsn) {
    ASSERT_TRUE(plan.ok()) << plan.status().to_string();
    EXPECT_EQ(plan->action, StartAction::stream);
    EXPECT_EQ(plan->start_lsn.value, lsn);
}

void expect_fatal(const Result<StartPlan>& plan, const std::string& text) {
    ASSERT_FALSE(plan.ok());
    EXPECT_EQ(plan.status().code(), StatusCode::fatal);
    EXPECT_THAT(plan.status().message(), HasSubstr(text));
    EXPECT_NE(plan.status().hint(), "") << "a refusal must give the way out";
}

TEST(StartPosition, no_slot_means_a_snapshot_or_a_new_slot) {
    for (const auto& sinks :
         {std::vector{keeps_none()}, std::vector{empty()}, std::vector{at(0x500, false)}}) {
        const auto initial = plan(std::nullopt, sinks);
        ASSERT_TRUE(initial.ok());
        EXPECT_EQ(initial->action, StartAction::snapshot);
        const auto never = plan(std::nullopt, sinks, {SnapshotMode::never, OnMissing::fail});
        ASSERT_TRUE(never.ok());
        EXPECT_EQ(never->action, StartAction::create_slot);
    }
}

TEST(StartPosition, a_slot_that_is_gone_though_a_sink_streamed_from_it_is_a_loss) {
    expect_fatal(plan(std::nullopt, {keeps_none(), at(0x500)}), "has streamed from it up to 0/500");
    expect_fatal(plan(std::nullopt, {at(0x500)}, {SnapshotMode::never, OnMissing::fail}), "does not exist");
}

TEST(StartPosition, what_is_done_about_a_slot_that_is_gone_can_be_said) {
    for (const SnapshotMode mode : {SnapshotMode::initial, SnapshotMode::never}) {
        const auto created = plan(std::nullopt, {at(0x900), at(0x500), empty()}, {mode, OnMissing::create});
        ASSERT_TRUE(created.ok());
        EXPECT_EQ(created->action, StartAction::create_slot);
        EXPECT_EQ(created->missing_from.value, 0x500u) << "the sink that is furthest behind misses most";
        EXPECT_FALSE(created->drop_slot);
        const auto anew = plan(std::nullopt, {at(0x500)}, {mode, OnMissing::resnapshot});
        ASSERT_TRUE(anew.ok());
        EXPECT_EQ(anew->action, StartAction::snapshot);
        EXPECT_THAT(anew->reason, HasSubstr("streamed from it up to 0/500"));
    }
}

TEST(StartPosition, a_snapshot_that_on_missing_asked_for_is_taken_again_where_it_was_cut_off) {
    const auto again = plan(std::nullopt, {at(0x500, false)}, {SnapshotMode::never, OnMissing::resnapshot});
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->action, StartAction::snapshot);
}

TEST(StartPosition, at_the_first_start_nothing_is_missing) {
    const auto first = plan(std::nullopt, {empty()}, {SnapshotMode::initial, OnMissing::create});
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(first->action, StartAction::snapshot);
    EXPECT_FALSE(first->missing_from);
}

TEST(StartPosition, a_lost_slot_is_as_good_as_gone) {
    SlotState slot = slot_at(0x1000);
    slot.wal_status = "lost";
    const auto anew = plan(slot, {at(0x1000)}, {SnapshotMode::initial, OnMissing::resnapshot});
    ASSERT_TRUE(anew.ok());
    EXPECT_EQ(anew->action, StartAction::snapshot);
    EXPECT_TRUE(anew->drop_slot);
    EXPECT_THAT(anew->reason, HasSubstr("has been invalidated"));
    slot.plugin = "pgoutput";
    expect_fatal(plan(slot, {at(0x1000)}, {SnapshotMode::initial, OnMissing::resnapshot}),
                 "output plugin \"pgoutput\"");
}

TEST(StartPosition, a_slot_that_was_moved_is_refused_whatever_on_missing_says) {
    for (const OnMissing missing : {OnMissing::create, OnMissing::resnapshot})
        expect_fatal(plan(slot_at(0x1000), {at(0xFFF)}, {SnapshotMode::initial, missing}),
                     "before the slot's confirmed_flush_lsn");
}

TEST(StartPosition, a_sink_without_positions_starts_where_the_slot_is) {
    expect_stream_at(plan(slot_at(0x1000), {keeps_none()}), 0x1000);
    expect_stream_at(plan(slot_at(0x1000), {}), 0x1000);
}

TEST(StartPosition, a_stored_position_is_where_it_starts) {
    expect_stream_at(plan(slot_at(0x1000), {at(0x2000)}), 0x2000);
    expect_stream_at(plan(slot_at(0x1000), {at(0x1000)}), 0x1000);
    expect_stream_at(plan(slot_at(0x1000), {at(flush.value)}), flush.value);
}

TEST(StartPosition, the_sink_that_is_furthest_behind_decides) {
    expect_stream_at(plan(slot_at(0x1000), {at(0x3000), at(0x2000)}), 0x2000);
    expect_stream_at(plan(slot_at(0x1000), {at(0x3000), keeps_none()}), 0x1000);
    expect_stream_at(plan(slot_at(0x1000), {keeps_none(), at(0x3000)}), 0x1000);
}

TEST(StartPosition, before_the_slot_is_a_gap) {
    expect_fatal(plan(slot_at(0x1000), {at(0xFFF)}), "before the slot's confirmed_flush_lsn 0/1000");
}

TEST(StartPosition, beyond_the_servers_wal_would_drop_commits) {
    expect_fatal(plan(slot_at(0x1000), {at(flush.value + 1)}), "beyond the end of the server's WAL 0/9000");
}

TEST(StartPosition, another_database_is_refused_whatever_may_be_done_about_a_slot_that_is_gone) {
    SinkPosition other = at(0x2000);
    other.stored->database = "shop2";
    expect_fatal(plan(slot_at(0x1000), {other}), "of the database \"shop2\", but the dsn names \"shop\"");
    for (const OnMissing on_missing : {OnMissing::fail, OnMissing::create, OnMissing::resnapshot})
        expect_fatal(plan(std::nullopt, {other}, {SnapshotMode::when_needed, on_missing}),
                     "database \"shop2\"");
    other.stored->database = "";  // of a release that did not write it
    expect_stream_at(plan(slot_at(0x1000), {other}), 0x2000);
}

TEST(StartPosition, another_system_timeline_or_slot_is_refused) {
    SinkPosition other = at(0x2000);
    other.stored->system_identifier = "8";
    expect_fatal(plan(slot_at(0x1000), {other}), "system 8");
    other = at(0x2000);
    other.stored->timeline = 2;
    expect_fatal(plan(slot_at(0x1000), {other}), "timeline 2");
    other = at(0x2000);
    other.stored->slot = "t";
    expect_fatal(plan(slot_at(0x1000), {other}), "slot \"t\"");
    expect_fatal(plan(std::nullopt, {other}), "slot \"t\"");
}

TEST(StartPosition, a_finished_snapshot_that_never_streamed_goes_on_at_its_point) {
    expect_stream_at(plan(slot_at(0x1000), {at(0x1000, false)}), 0x1000);
    expect_stream_at(plan(slot_at(0x1000), {at(0x1000, false), keeps_none()}), 0x1000);
}

TEST(StartPosition, a_snapshot_of_another_point_does_not_join_the_slot) {
    expect_fatal(plan(slot_at(0x1000), {at(0x900, false)}), "its snapshot is of 0/900");
    SinkPosition other = at(0x1000, false);
    other.stored->system_identifier = "8";
    expect_fatal(plan(slot_at(0x1000), {other}), "system 8");
}

TEST(StartPosition, a_sink_that_never_had_the_snapshot_does_not_join_a_slot_that_stands) {
    expect_fatal(plan(slot_at(0x1000), {at(0x2000), empty()}), "has not had the snapshot");
    expect_stream_at(plan(slot_at(0x1000), {empty()}, {SnapshotMode::never, OnMissing::fail}), 0x1000);
}

TEST(StartPosition, a_slot_we_cannot_use_is_refused) {
    SlotState slot = slot_at(0x1000);
    slot.plugin = "pgoutput";
    expect_fatal(plan(slot, {keeps_none()}), "output plugin \"pgoutput\", not \"cdc_envelope\"");
    slot = slot_at(0x1000);
    slot.database = "other";
    expect_fatal(plan(slot, {keeps_none()}), "database \"other\"");
    slot = slot_at(0x1000);
    slot.wal_status = "lost";
    expect_fatal(plan(slot, {keeps_none()}), "invalidated");
    slot = slot_at(0x1000);
    slot.invalidation_reason = "idle_timeout";
    expect_fatal(plan(slot, {keeps_none()}), "idle_timeout");
    slot = slot_at(0x1000);
    slot.temporary = true;
    expect_fatal(plan(slot, {keeps_none()}), "temporary");
}

TEST(StartPosition, an_active_slot_is_no_obstacle_here) {
    SlotState slot = slot_at(0x1000);
    slot.active = true;
    slot.active_pid = 42;
    expect_stream_at(plan(slot, {keeps_none()}), 0x1000);
}

TEST(StartPosition, a_slot_under_creation_is_waited_for) {
    SlotState slot = slot_at(0x1000);
    slot.confirmed_flush_lsn = Lsn{};
    EXPECT_EQ(plan(slot, {keeps_none()}).status().code(), StatusCode::retry);
}

void expect_snapshot(const Result<StartPlan>& plan, bool drop_slot, const std::string& reason) {
    ASSERT_TRUE(plan.ok()) << plan.status().to_string();
    EXPECT_EQ(plan->action, StartAction::snapshot);
    EXPECT_EQ(plan->drop_slot, drop_slot);
    EXPECT_EQ(plan->reason.empty(), reason.empty());
    EXPECT_THAT(plan->reason, HasSubstr(reason));
}

SinkPosition of_another(const std::string& system, std::uint32_t timeline, const std::string& slot) {
    SinkPosition position = at(0x2000);
    position.stored->system_identifier = system;
    position.stored->timeline = timeline;
    position.stored->slot = slot;
    return position;
}

TEST(StartPosition, when_needed_goes_on_where_it_can) {
    const auto mode = SnapshotMode::when_needed;
    expect_stream_at(plan(slot_at(0x1000), {at(0x2000), keeps_none()}, mode), 0x1000);
    expect_snapshot(plan(std::nullopt, {empty()}, mode), false, "");
}

TEST(StartPosition, when_needed_reads_again_what_can_not_be_continued) {
    const auto mode = SnapshotMode::when_needed;
    expect_snapshot(plan(std::nullopt, {at(0x500)}, mode), false, "does not exist");
    SlotState lost = slot_at(0x1000);
    lost.wal_status = "lost";
    expect_snapshot(plan(lost, {at(0x2000)}, mode), true, "invalidated");
    expect_snapshot(plan(slot_at(0x1000), {at(0xFFF)}, mode), true, "before the slot's");
    expect_snapshot(plan(slot_at(0x1000), {at(flush.value + 1)}, mode), true, "beyond the end");
    expect_snapshot(plan(slot_at(0x1000), {at(0x2000), empty()}, mode), true, "has not had the snapshot");
    expect_snapshot(plan(slot_at(0x1000), {of_another("7301", 2, "s")}, mode), true, "timeline 2");
}

TEST(StartPosition, always_takes_a_snapshot_whatever_is_there) {
    const auto mode = SnapshotMode::always;
    expect_snapshot(plan(std::nullopt, {empty()}, mode), false, "");
    expect_snapshot(plan(slot_at(0x1000), {at(0x2000)}, mode), true, "always");
}

TEST(StartPosition, initial_only_replaces_nothing_that_was_streamed) {
    const auto mode = SnapshotMode::initial_only;
    expect_snapshot(plan(std::nullopt, {empty()}, mode), false, "");
    expect_snapshot(plan(std::nullopt, {at(0x500, false)}, mode), false, "");
    expect_fatal(plan(std::nullopt, {at(0x500)}, mode), "would replace");
    expect_fatal(plan(slot_at(0x1000), {keeps_none()}, mode), "leaves no slot");
}

TEST(StartPosition, no_mode_takes_a_mistake_for_a_loss) {
    for (const auto mode : {SnapshotMode::always, SnapshotMode::when_needed, SnapshotMode::initial_only}) {
        for (const std::optional<SlotState>& slot :
             {std::optional<SlotState>(), std::optional(slot_at(0x1000))}) {
            expect_fatal(plan(slot, {of_another("8", 3, "s")}, mode), "system 8");
            expect_fatal(plan(slot, {of_another("7301", 3, "t")}, mode), "slot \"t\"");
        }
        SlotState other = slot_at(0x1000);
        other.plugin = "pgoutput";
        other.wal_status = "lost";
        expect_fatal(plan(other, {empty()}, mode), "pgoutput");
        other = slot_at(0x1000);
        other.database = "other";
        expect_fatal(plan(other, {empty()}, mode), "database");
    }
}

}  // namespace
}  // namespace cdc::source
