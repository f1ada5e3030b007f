#include "sinks/kafka/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sinks/slice_maker.h"

namespace cdc::kafka {
namespace {

Checkpoint example() {
    Checkpoint made;
    made.pipeline = "shop \"x\\y\"";
    made.slot = "shop";
    made.database = "shöp\n";
    made.system_identifier = "7300000000000000001";
    made.timeline = 3;
    made.state = CheckpointState::streaming;
    made.end_lsn = Lsn{0x1000000AB};
    made.commit_lsn = Lsn{0x1000000FF};
    made.seq = 41;
    made.last = false;
    made.message_lsn = Lsn{0x77};
    made.owner = "host:12:00ff";
    made.since = "2026-02-07T05:55:21Z";
    return made;
}

TEST(Checkpoint, IsOneLineOfJsonAndReadsBack) {
    const std::string json = to_json(example());
    EXPECT_EQ(json, R"({"version":1,"pipeline":"shop \"x\\y\"","slot":"shop","database":"shöp\u000a",)"
                    R"("system_identifier":"7300000000000000001","timeline":3,"state":"streaming",)"
                    R"("end_lsn":"1/AB","commit_lsn":"1/FF","seq":41,"last":false,"message_lsn":"0/77",)"
                    R"("owner":"host:12:00ff","since":"2026-02-07T05:55:21Z"})");
    const Result<Checkpoint> read = read_checkpoint(json);
    ASSERT_TRUE(read.ok()) << read.status().to_string();
    EXPECT_EQ(*read, example());
}

TEST(Checkpoint, KeepsTheProgressOfASnapshotBesideTheStream) {
    Checkpoint made = example();
    made.snapshot_progress = "{\"run\":\"a\"}";
    const std::string json = to_json(made);
    EXPECT_TRUE(json.ends_with(R"(Z","snapshot_progress":"{\"run\":\"a\"}"})")) << json;
    const Result<Checkpoint> read = read_checkpoint(json);
    ASSERT_TRUE(read.ok()) << read.status().to_string();
    EXPECT_EQ(*read, made);
}

TEST(Checkpoint, OfANewerVersionOrBrokenIsRefused) {
    const std::string json = to_json(example());
    EXPECT_THAT(read_checkpoint(R"({"version":2,"x":1})").status().message(),
                testing::HasSubstr("version 2"));
    for (std::size_t cut = 0; cut < json.size(); ++cut)
        EXPECT_EQ(read_checkpoint(json.substr(0, cut)).status().code(), StatusCode::fatal) << cut;
    EXPECT_FALSE(read_checkpoint(json + " ").ok());
    std::string other = json;
    other.replace(other.find("streaming"), 9, "whatever");
    EXPECT_FALSE(read_checkpoint(other).ok());
}

// Hands the slices over from the checkpoint on; which events are not repetitions, as "commit_lsn/seq".
std::vector<std::string> replay(Checkpoint& mark, const std::vector<SlicePtr>& slices,
                                std::size_t stop = 1000) {
    std::vector<std::string> sent;
    for (const SlicePtr& slice : slices) {
        for (const Event& event : slice->events) {
            if (mark.covers(*slice, event)) continue;
            if (sent.size() == stop) return sent;
            mark.take(*slice, event);
            sent.push_back(event.commit_lsn.to_string() + static_cast<char>(event.op) +
                           std::to_string(event.seq));
        }
        mark.take_end(*slice);
    }
    return sent;
}

std::vector<SlicePtr> three_transactions(std::size_t slices) {
    std::vector<SlicePtr> all;
    for (const std::uint64_t commit : {0x100U, 0x200U, 0x300U}) {
        for (const SlicePtr& slice : test::make_transaction(
                 Lsn{commit}, Lsn{commit + 0x80},
                 std::vector<test::Row>(3, test::make_row(Op::insert, "1", "null", "{}")), slices))
            all.push_back(slice);
    }
    return all;
}

TEST(Checkpoint, TheFormOfTheEventsMayBeAbsent) {
    Checkpoint mark;
    EXPECT_EQ(to_json(mark).find("form"), std::string::npos) << "as an earlier release wrote it";
    for (const char* const form : {"", "extension=1.0 cluster=a\"b"}) {
        mark.form = form;
        const Result<Checkpoint> read = read_checkpoint(to_json(mark));
        ASSERT_TRUE(read.ok()) << read.status().to_string();
        EXPECT_EQ(read->form, form);
    }
}

TEST(Checkpoint, WhereverItStopsAReplayOfAnyRangeBringsTheRestOnce) {
    Checkpoint fresh;
    const std::vector<std::string> all = replay(fresh, three_transactions(2));
    ASSERT_EQ(all.size(), 15U);  // b, three rows, e
    EXPECT_EQ(fresh.end_lsn, Lsn{0x380});
    EXPECT_TRUE(fresh.between_transactions());
    for (std::size_t stop = 0; stop <= all.size(); ++stop) {
        for (const std::size_t slices : {1U, 2U, 5U}) {
            Checkpoint mark;
            std::vector<std::string> sent = replay(mark, three_transactions(2), stop);
            Result<Checkpoint> stored = read_checkpoint(to_json(mark));  // what a new worker finds
            ASSERT_TRUE(stored.ok());
            const std::vector<std::string> rest = replay(*stored, three_transactions(slices));
            sent.insert(sent.end(), rest.begin(), rest.end());
            EXPECT_EQ(sent, all) << "stopped after " << stop;
            EXPECT_EQ(stored->end_lsn, Lsn{0x380});
            EXPECT_TRUE(replay(*stored, three_transactions(1)).empty());
        }
    }
}

TEST(Checkpoint, IsNotBetweenTransactionsInTheMiddleOfOne) {
    Checkpoint mark;
    const std::vector<SlicePtr> slices = three_transactions(2);
    replay(mark, {slices[0]});
    EXPECT_FALSE(mark.between_transactions());
    EXPECT_EQ(mark.end_lsn, Lsn{});
    replay(mark, {slices[1]});
    EXPECT_TRUE(mark.between_transactions());
    EXPECT_EQ(mark.end_lsn, Lsn{0x180});
}

TEST(Checkpoint, NonTransactionalMessagesAreCountedByTheirOwnLsn) {
    Checkpoint mark;
    mark.commit_lsn = Lsn{0x900};  // a commit after the message's LSN has been delivered already
    test::Row row;
    row.op = Op::message;
    row.key = "null";
    const auto message = [&](std::uint64_t lsn) {
        return test::make_slice(SliceKind::message, {test::to_line(row, Lsn{lsn}, "null", "null")});
    };
    EXPECT_EQ(replay(mark, {message(0x500), message(0x600)}).size(), 2U);
    EXPECT_EQ(mark.commit_lsn, Lsn{0x900});
    EXPECT_TRUE(replay(mark, {message(0x500), message(0x600)}).empty());
    EXPECT_EQ(replay(mark, {message(0x700)}).size(), 1U);
}

TEST(Checkpoint, SnapshotRowsAreNeverRepetitions) {
    Checkpoint mark;
    mark.commit_lsn = Lsn{0x900};
    EXPECT_EQ(
        replay(mark, {test::make_snapshot(Lsn{0x100}, {test::make_row(Op::read, "1", "null", "{}")})}).size(),
        1U);
}

}  // namespace
}  // namespace cdc::kafka
