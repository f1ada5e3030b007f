// Position, ledger, snapshot, crashes and second workers, on a real server.
#include <gmock/gmock.h>

#include <thread>

#include "sinks/postgres/sink_test.h"

namespace cdc::test {
namespace {

using ::testing::HasSubstr;

class Recovery : public PostgresSinkTest {
  protected:
    std::string position() {
        return rows(
            "SELECT projection_name, system_identifier, timeline, slot, end_lsn, streaming FROM "
            "projection_position");
    }
    std::string ledger() {
        return rows(
            "SELECT projection_name, commit_lsn, evidence_id, batch_id, source_commit, schema_version FROM "
            "projection_ledger ORDER BY commit_lsn, batch_id");
    }
    Row read_order(const char* id, const char* qty) { return make_row(Op::read, id, "null", order(id, qty)); }
    void open_for_snapshot(Lsn point) {
        sink_ = std::make_unique<PostgresSink>(settings());
        ok(sink_->open(context_));
        ok(sink_->begin_snapshot(point));
    }
};

const std::string evidence_hash = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

TEST_F(Recovery, EachTransactionMovesThePositionAndHasItsLedgerRow) {
    start();
    EXPECT_EQ(position(), "shop|7123456789|1|shop|0/1000|t\n");
    ok(apply({inserted("1", order("1", "1"))}));
    ok(apply({updated("1", order("1", "2"))}));
    EXPECT_EQ(position(), "shop|7123456789|1|shop|0/1240|t\n");
    EXPECT_EQ(ledger(), "shop|0/1100|" + evidence_hash + "|741|c0ffee|1\nshop|0/1200|" + evidence_hash +
                            "|741|c0ffee|1\n");
    EXPECT_EQ(sink_->durable_lsn(), Lsn{0x1240});
}

// The source was set back: it commits at LSNs that the ledger has rows of.
TEST_F(Recovery, ALedgerRowThatIsThereIsReplaced) {
    start();
    run("INSERT INTO projection_ledger SELECT 'shop', lsn, 'before', now(), '1', 'before', 0 FROM unnest("
        "ARRAY['0/1200', '0/1300', '0/1700']) AS lsn");
    for (const char* id : {"1", "2", "3", "4", "5"})
        ok(sink_->write(next({inserted(id, order(id, "1"))})[0]));
    ok(sink_->flush(std::chrono::seconds(20)));
    for (const char* id : {"6", "7"})
        ok(sink_->write(next({inserted(id, order(id, "1"))})[0]));
    ok(sink_->flush(std::chrono::seconds(20)));
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "7\n");
    EXPECT_EQ(rows("SELECT count(*), count(DISTINCT commit_lsn), min(batch_id), min(schema_version), "
                   "max(source_commit) FROM projection_ledger"),
              "7|7|741|1|c0ffee\n");
    EXPECT_EQ(rows("SELECT count(*) FROM projection_dead_letter"), "0\n");
}

TEST_F(Recovery, WhatWasAppliedIsNotAppliedAgain) {
    start();
    const std::vector<SlicePtr> first =
        next({inserted("1", order("1", "1")), inserted("2", order("2", "1"))}, 3);
    const std::vector<SlicePtr> second = next({deleted("2"), updated("1", order("1", "9"))});
    ok(write(first));
    ok(write(second));
    const std::string before = rows("SELECT ctid, xmin, * FROM orders ORDER BY id") + ledger();
    sink_->close();
    start();
    EXPECT_EQ(sink_->durable_lsn(), Lsn{0x1240});
    ok(write(first));
    ok(write(second));
    EXPECT_EQ(rows("SELECT ctid, xmin, * FROM orders ORDER BY id") + ledger(), before);
    ok(apply({updated("1", order("1", "10"))}));
    EXPECT_EQ(rows("SELECT qty FROM orders WHERE id = 1"), "10\n");
}

TEST_F(Recovery, AChunksProgressIsDurableWithItsRowsAndGoneWithANewSnapshot) {
    start();
    ok(apply({inserted("1", order("1", "1"))}));
    const auto chunk = std::const_pointer_cast<Slice>(make_snapshot({0x1150}, {read_order("2", "1")}));
    chunk->snapshot_progress = "{\"chunks\":1}";
    chunk->progress_number = 1;
    EXPECT_EQ(sink_->durable_progress(), 0U);
    ok(sink_->write(chunk));
    ok(sink_->flush(std::chrono::seconds(30)));
    EXPECT_EQ(sink_->durable_progress(), 1U);
    EXPECT_EQ(rows("SELECT snapshot_progress FROM projection_position"), "{\"chunks\":1}\n");
    sink_->close();
    open_for_snapshot(Lsn{0x2000});
    EXPECT_EQ(sink_->durable_progress(), 0U);
    EXPECT_EQ(rows("SELECT snapshot_progress IS NULL FROM projection_position"), "t\n");
}

TEST_F(Recovery, ATransactionThatIsCutOffLeavesNothing) {
    start();
    ok(apply({inserted("1", order("1", "1"))}));
    const std::vector<SlicePtr> cut =
        next({inserted("2", order("2", "1")), inserted("3", order("3", "1")), deleted("1")}, 4);
    for (std::size_t i = 0; i < 3; ++i)
        ok(sink_->write(cut[i]));
    sink_->close();
    EXPECT_EQ(orders(), "1|1|~|~|f\n");
    start();
    ok(write(cut));
    EXPECT_EQ(orders(), "1|1|~|~|t\n2|1|~|~|f\n3|1|~|~|f\n");
}

TEST_F(Recovery, AConnectionThatBreaksIsTriedAgainAndNothingIsLostOrRepeated) {
    start();
    ok(apply({inserted("1", order("1", "0"))}));
    std::vector<std::vector<SlicePtr>> sent;
    Status status;
    for (int i = 1; i <= 300; ++i) {
        sent.push_back(next({updated("1", order("1", std::to_string(i)))}));
        if (status.ok()) status = sink_->write(sent.back()[0]);
        if (i == 150) {
            run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cdc-worker "
                "shop' AND "
                "datname = current_database()");
        }
    }
    if (status.ok()) status = sink_->flush(std::chrono::seconds(20));
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    const Lsn durable = sink_->durable_lsn();
    sink_->close();
    start();
    EXPECT_GE(sink_->durable_lsn(), durable);
    for (const std::vector<SlicePtr>& slices : sent)
        ok(sink_->write(slices[0]));
    ok(sink_->flush(std::chrono::seconds(20)));
    EXPECT_EQ(rows("SELECT qty FROM orders"), "300\n");
    EXPECT_EQ(rows("SELECT count(*) FROM projection_ledger"), "301\n");
}

TEST_F(Recovery, TheSnapshotIsDurableAtItsEndAndHasOneLedgerRow) {
    open_for_snapshot({0x1000});
    EXPECT_EQ(position(), "shop|7123456789|1|shop|0/1000|f\n");
    ok(sink_->write(make_snapshot({0x1000}, {read_order("1", "1"), read_order("2", "2")})));
    ok(sink_->write(make_snapshot({0x1000}, {read_order("3", "3")})));
    ok(sink_->end_snapshot({0x1000}));
    EXPECT_EQ(rows("SELECT id, qty, _seq, _commit_lsn FROM orders ORDER BY id"),
              "1|1|~|0/1000\n2|2|~|0/1000\n3|3|~|0/1000\n");
    EXPECT_EQ(ledger(), "shop|0/1000|" + evidence_hash + "|snapshot|c0ffee|1\n");
    ok(sink_->begin_streaming({0x1000}));
    EXPECT_EQ(position(), "shop|7123456789|1|shop|0/1000|t\n");
    ok(write(make_transaction({0x1000}, {0x1040}, {updated("1", order("1", "7"))})));
    EXPECT_EQ(rows("SELECT qty FROM orders WHERE id = 1"), "7\n")
        << "a commit record at the consistent point";
    EXPECT_EQ(ledger(), "shop|0/1000|" + evidence_hash + "|741|c0ffee|1\n");
}

TEST_F(Recovery, ASnapshotRemovesWhatAnUnfinishedOneLeft) {
    catalog_.tables["public.emptied"] = catalog_.tables["public.orders"];
    open_for_snapshot({0x1000});
    Row other = read_order("1", "1");
    other.table = "emptied";
    ok(sink_->write(make_snapshot({0x1000}, {read_order("1", "1"), read_order("2", "2"), other})));
    ok(sink_->end_snapshot({0x1000}));
    sink_->close();
    open_for_snapshot({0x2000});
    const auto stored = sink_->stored_position();
    ASSERT_TRUE(stored.ok() && stored.value());
    EXPECT_FALSE(stored.value()->streaming);
    ok(sink_->write(make_snapshot({0x2000}, {read_order("2", "5")})));
    ok(sink_->end_snapshot({0x2000}));
    EXPECT_EQ(orders(), "2|5|~|~|f\n");
    EXPECT_EQ(rows("SELECT count(*) FROM emptied"), "0\n");
}

TEST_F(Recovery, ASnapshotRemovesTheRowsOfEveryClusterName) {
    start();
    Row renamed = inserted("2", order("2", "1"));
    renamed.source_id = "pg://renamed/db/public.orders/PK:2";
    ok(apply({inserted("1", order("1", "1")), renamed}));
    sink_->close();
    open_for_snapshot({0x2000});
    ok(sink_->write(make_snapshot({0x2000}, {read_order("3", "5")})));
    ok(sink_->end_snapshot({0x2000}));
    EXPECT_EQ(orders(), "3|5|~|~|f\n");
}

TEST_F(Recovery, APositionIsTakenOverToANewTimeline) {
    start();
    ok(apply({inserted("1", order("1", "1"))}));
    ok(sink_->advance({0x9000}));  // idle WAL that the new primary never had
    ok(sink_->flush(std::chrono::seconds(20)));
    sink_->close();
    EXPECT_EQ(rows("SELECT end_lsn FROM projection_position"), "0/9000\n");
    context_.source.timeline += 1;
    sink_ = std::make_unique<PostgresSink>(settings());
    ok(sink_->open(context_));
    const auto stored = sink_->stored_position();
    ASSERT_TRUE(stored.ok() && stored.value());
    EXPECT_EQ(stored.value()->end_lsn, Lsn{0x9000});
    EXPECT_EQ(stored.value()->delivered_lsn, Lsn{0x1100}) << "the newest commit, which the ledger knows";
    ok(sink_->begin_streaming({0x1180}));
    EXPECT_EQ(rows("SELECT end_lsn FROM projection_position"), "0/1180\n");
    ok(apply({updated("1", order("1", "2"))}));  // at 0/1200, which the old timeline had passed
    EXPECT_EQ(orders(), "1|2|~|~|f\n");
    EXPECT_EQ(rows("SELECT end_lsn, timeline FROM projection_position"),
              "0/1240|" + std::to_string(context_.source.timeline) + "\n");
}

TEST_F(Recovery, ASnapshotMakesAgainWhatSomeoneDropped) {
    start();
    ok(apply({inserted("1", order("1", "1"))}));
    sink_->close();
    run("DROP TABLE orders");
    open_for_snapshot({0x2000});
    ok(sink_->write(make_snapshot({0x2000}, {read_order("2", "5")})));
    ok(sink_->end_snapshot({0x2000}));
    EXPECT_EQ(orders(), "2|5|~|~|f\n");
}

// Keys of leaves under the name of a root may be the same: then a table that was empty is none that only gets
// new keys.
TEST_F(Recovery, AKeyThatComesTwiceInASnapshotIsReplacedThoughTheTableWasEmpty) {
    open_for_snapshot({0x1000});
    ok(sink_->write(make_snapshot({0x1000}, {read_order("1", "1"), read_order("2", "1")})));
    ok(sink_->flush(std::chrono::seconds(20)));
    ok(sink_->write(make_snapshot({0x1000}, {read_order("3", "1"), read_order("1", "2")})));
    ok(sink_->end_snapshot({0x1000}));
    ok(sink_->begin_streaming({0x1000}));
    EXPECT_EQ(orders(), "1|2|~|~|f\n2|1|~|~|f\n3|1|~|~|f\n");
}

TEST_F(Recovery, ASnapshotReplacesRowsThatATableHadBefore) {
    start();
    ok(apply({inserted("1", order("1", "1")), inserted("9", order("9", "1"))}));
    run("UPDATE orders SET _source_id = 'somebody''s' || _source_id");
    sink_->close();
    open_for_snapshot({0x2000});
    ok(sink_->write(make_snapshot({0x2000}, {read_order("1", "2"), read_order("2", "2")})));
    ok(sink_->end_snapshot({0x2000}));
    EXPECT_EQ(orders(), "1|2|~|~|f\n2|2|~|~|f\n9|1|~|~|f\n");
}

TEST_F(Recovery, ASnapshotMakesTheTablesThatHaveNoRowsToo) {
    const std::string odd = "odd/na\\me";
    catalog_.tables["public." + odd] = catalog_.tables["public.orders"];
    context_.cluster = "c";
    for (const Lsn point : {Lsn{0x1000}, Lsn{0x2000}}) {  // and again
        open_for_snapshot(point);
        ok(sink_->write(make_snapshot(point, {read_order("1", "1")})));
        ok(sink_->empty_table("public", odd));
        ok(sink_->end_snapshot(point));
        EXPECT_EQ(rows("SELECT id, qty FROM \"" + odd + "\""), "");
        EXPECT_EQ(rows("SELECT source_table, source_id FROM projection_table ORDER BY 1"),
                  odd + "|pg://c/" + context_.source.database +
                      "/public.odd%2Fna%5Cme\norders|pg://c/db/public.orders\n");
        sink_->close();
    }
}

TEST_F(Recovery, OnlyOneWorkerTakesASnapshotOfAProjection) {
    open_for_snapshot({0x1000});
    PostgresSink second(settings());
    ok(second.open(context_));
    const Status status = second.begin_snapshot({0x1000});
    EXPECT_EQ(status.code(), StatusCode::retry);
    EXPECT_THAT(status.message(), HasSubstr("projection shop is held by another worker (pid "));
    EXPECT_THAT(status.message(), HasSubstr("cdc-worker shop"));
    PostgresSink other(settings());
    const SinkContext other_context = context_of("another");
    ok(other.open(other_context));
    ok(other.begin_snapshot({0x1000}));
}

// Who begins to stream has the slot.
TEST_F(Recovery, AWorkerThatBeginsToStreamTakesTheProjectionFromTheOneThatLostTheSlot) {
    start();
    ok(apply({inserted("1", order("1", "1"))}));
    auto second = std::make_unique<PostgresSink>(settings());
    ok(second->open(context_));
    ok(apply({updated("1", order("1", "2"))}));
    EXPECT_EQ(second->begin_streaming({0x1140}).code(), StatusCode::retry)
        << "the position has moved since it was read";
    ok(second->open(context_));
    ok(second->begin_streaming({0x1240}));
    const std::vector<SlicePtr> slices = next({updated("1", order("1", "3"))});
    EXPECT_FALSE(write(slices).ok()) << "the first one's session is ended";
    ok(second->write(slices[0]));
    ok(second->flush(std::chrono::seconds(20)));
    EXPECT_EQ(orders(), "1|3|~|~|f\n");
}

TEST_F(Recovery, AWorkerThatWasFencedOffWritesNothingAndSaysWhy) {
    start();
    ok(apply({inserted("1", order("1", "1"))}));
    run("UPDATE projection_position SET fence = fence + 1");
    const Status status = apply({updated("1", order("1", "2"))});
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(),
                HasSubstr("another worker has taken over projection shop (its fence is 2, ours "
                          "was 1): this one has lost the slot"));
    sink_->close();
    EXPECT_EQ(orders(), "1|1|~|~|f\n");
}

TEST_F(Recovery, APositionOfAnEarlierReleaseGetsItsFence) {
    start();
    ok(apply({inserted("1", order("1", "1"))}));
    sink_->close();
    run("ALTER TABLE projection_position DROP COLUMN fence");
    start();
    ok(apply({updated("1", order("1", "2"))}));
    EXPECT_EQ(rows("SELECT fence, end_lsn FROM projection_position"), "1|0/1240\n");
}

TEST_F(Recovery, AWorkerThatLostTheProjectionIsStopped) {
    start();
    ok(apply({inserted("1", order("1", "1"))}));
    run("UPDATE projection_position SET end_lsn = '0/1180'");
    const Status status = apply({updated("1", order("1", "2"))});
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), HasSubstr("another worker has moved the position"));
    sink_->close();
    EXPECT_EQ(orders(), "1|1|~|~|f\n");
}

TEST_F(Recovery, AnIdleSourceMovesThePositionWhenItIsWorthIt) {
    start();
    ok(sink_->advance({0x5000}));
    EXPECT_TRUE(sink_->poll_deadline().has_value());
    EXPECT_EQ(sink_->durable_lsn(), Lsn{0x1000}) << "not written yet";
    ok(sink_->advance({0x1000 + (16u << 20)}));
    ok(sink_->flush(std::chrono::seconds(20)));
    EXPECT_EQ(sink_->durable_lsn(), Lsn{0x1000 + (16u << 20)});
    EXPECT_EQ(rows("SELECT end_lsn FROM projection_position"), "0/1001000\n");
    EXPECT_EQ(rows("SELECT count(*) FROM projection_ledger"), "0\n");
    ok(sink_->advance({0x1001001}));
    ok(sink_->flush(std::chrono::seconds(20)));
    EXPECT_EQ(sink_->durable_lsn(), Lsn{0x1001001}) << "flush writes it at once";
}

// A deadline that lies in the past would have the runner poll without a pause.
TEST_F(Recovery, APositionThatCannotBeSentYetGivesNoDeadline) {
    start();
    ok(apply({inserted("1", order("1", "1"))}));
    ok(sink_->advance({0x8000}));
    ASSERT_TRUE(sink_->poll_deadline()) << "written after a while";
    const std::vector<SlicePtr> slices = next({inserted("2", order("2", "1"))}, 2);
    ok(sink_->write(slices[0]));
    ok(sink_->ran_dry());
    EXPECT_FALSE(sink_->poll_deadline()) << "in the middle of a transaction only its next slice matters";
    ok(write({slices[1]}));
    EXPECT_EQ(sink_->durable_lsn(), Lsn{0x8000});
}

TEST_F(Recovery, UnderLoadEveryTransactionBecomesDurable) {
    start();
    ok(apply({inserted("1", order("1", "0"))}));
    EXPECT_EQ(rows("SELECT current_setting('synchronous_commit')"), "on\n");
    for (int i = 0; i < 500; ++i)
        ok(sink_->write(next({updated("1", order("1", std::to_string(i)))})[0]));
    ok(sink_->flush(std::chrono::seconds(20)));
    EXPECT_EQ(sink_->durable_lsn(), Lsn{next_lsn_ + 0x40});
    EXPECT_EQ(rows("SELECT qty, count(*) FROM orders, projection_ledger GROUP BY 1"), "499|501\n");
}

TEST_F(Recovery, ATargetThatDoesNotTakeMoreHoldsTheSlicesAndNotTheThread) {
    start();
    ok(apply({inserted("1", order("1", "0"))}));
    run("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
    const std::string wide(200000, 'x');
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i)
        ok(sink_->write(next({updated("1", order("1", std::to_string(i), "\"" + wide + "\""))})[0]));
    EXPECT_EQ(sink_->flush(std::chrono::milliseconds(200)).code(), StatusCode::retry);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(60));
    run("COMMIT");
    ok(sink_->flush(std::chrono::seconds(20)));
    EXPECT_EQ(rows("SELECT qty FROM orders"), "99\n");
}

TEST_F(Recovery, AWrongPasswordOrDatabaseIsSaidWithoutTheSecret) {
    config::PostgresSink wrong = settings();
    wrong.dsn = server_dsn_ + " dbname=no_such_database password=hunter2";
    PostgresSink sink(wrong);
    const Status status = sink.open(context_);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.to_string().find("hunter2"), std::string::npos);
    EXPECT_EQ(sink.write(next({truncated()})[0]).code(), StatusCode::retry) << "not open";
}

}  // namespace
}  // namespace cdc::test
