// What the target refuses: one event out of many, found, and parked whole or said; the rest is applied.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "sinks/postgres/sink_test.h"

namespace cdc::test {
namespace {

using ::testing::HasSubstr;

class Rejects : public PostgresSinkTest {
  protected:
    config::PostgresSink settings_for(config::OnReject on_reject) const {
        config::PostgresSink made = settings();
        made.on_reject = on_reject;
        return made;
    }
    void begin(config::OnReject on_reject) {
        sink_ = std::make_unique<PostgresSink>(settings_for(on_reject));
        ok(sink_->open(context_));
        const auto stored = sink_->stored_position();
        ok(stored.status());
        ok(sink_->begin_streaming(stored.value() ? stored.value()->end_lsn : Lsn{0x1000}));
    }
    // The target has a rule of its own: no qty of 13.
    void forbid_thirteen() {
        ok(apply({inserted("0", order("0", "0"))}));
        run("ALTER TABLE orders ADD CONSTRAINT lucky CHECK (qty <> 13)");
    }
    // Transactions of one row, qty = id, handed on at once.
    Status write_numbers(int from, int to) {
        for (int i = from; i <= to; ++i)
            CDC_RETURN_IF_ERROR(sink_->write(
                next({inserted(std::to_string(i), order(std::to_string(i), std::to_string(i)))})[0]));
        return sink_->flush(std::chrono::seconds(20));
    }
    std::string dead_letters() {
        return rows(
            "SELECT projection_name, commit_lsn, seq, source_id, op_type, sqlstate FROM "
            "projection_dead_letter ORDER BY id");
    }
};

TEST_F(Rejects, OneRowOfManyIsParkedWholeAndTheRestApplied) {
    begin(config::OnReject::park);
    forbid_thirteen();
    ok(write_numbers(1, 60));
    EXPECT_EQ(rows("SELECT count(*), count(*) FILTER (WHERE qty = 13) FROM orders"), "60|0\n");
    EXPECT_EQ(dead_letters(), "shop|0/1E00|0|pg://c/db/public.orders/PK:13|c|23514\n");
    EXPECT_EQ(rows("SELECT reason LIKE '%lucky%', convert_from(envelope, 'UTF8')::json->'after'->>'qty' FROM "
                   "projection_dead_letter"),
              "t|13\n");
    EXPECT_EQ(rows("SELECT count(*) FROM projection_ledger"), "61\n");
    EXPECT_EQ(sink_->durable_lsn(), Lsn{next_lsn_ + 0x40});
    EXPECT_EQ(sink_->parked(), 1u);
    sink_->close();
    EXPECT_EQ(sink_->parked(), 1u);
}

TEST_F(Rejects, StopNamesTheRowAndKeepsWhatWasBefore) {
    begin(config::OnReject::stop);
    forbid_thirteen();
    const Status status = write_numbers(1, 60);
    EXPECT_EQ(status.code(), StatusCode::reject) << status.to_string();
    EXPECT_THAT(status.message(),
                HasSubstr("insert of public.orders, source_id pg://c/db/public.orders/PK:13, "
                          "commit_lsn 0/1E00, seq 0"));
    EXPECT_THAT(status.message(), HasSubstr("23514"));
    sink_->close();
    EXPECT_EQ(rows("SELECT max(id), count(*) FROM orders"), "12|13\n");
    EXPECT_EQ(rows("SELECT end_lsn FROM projection_position"), "0/1D40\n");
}

TEST_F(Rejects, AreFoundInTheMiddleOfATransactionOfMany) {
    begin(config::OnReject::park);
    forbid_thirteen();
    std::vector<Row> many;
    for (int i = 1; i <= 3000; ++i) {
        const bool bad = i == 1500 || i == 1501 || i == 2999;
        many.push_back(inserted(std::to_string(i), order(std::to_string(i), bad ? "13" : "1")));
    }
    ok(apply(many, 4));
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "2998\n");
    EXPECT_EQ(rows("SELECT string_agg(seq::text, ',' ORDER BY seq) FROM projection_dead_letter"),
              "1499,1500,2998\n");
    EXPECT_EQ(rows("SELECT count(*) FROM projection_ledger"), "2\n");
}

TEST_F(Rejects, OfATransactionTooLongToBeKeptComeAgainFromTheSource) {
    context_.memory_limit = 256u << 10;
    begin(config::OnReject::park);
    forbid_thirteen();
    std::vector<Row> many;
    for (int i = 1; i <= 3000; ++i)
        many.push_back(inserted(std::to_string(i), order(std::to_string(i), i == 2000 ? "13" : "1")));
    const std::vector<SlicePtr> slices = next(many, 12);
    const Status status = write(slices);
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    sink_->close();
    ok(sink_->open(context_));
    ok(sink_->begin_streaming({0x1000}));
    ok(write(slices));
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "3000\n");
    EXPECT_EQ(rows("SELECT string_agg(seq::text, ',') FROM projection_dead_letter"), "1999\n");
}

TEST_F(Rejects, AValueThatTheTargetCannotHoldIsParked) {
    begin(config::OnReject::park);
    ok(apply({inserted("1", order("1", "1", R"("a\u0000b")")), inserted("2", order("2", "2"))}));
    ok(apply({inserted("3", order("3", "3", "null", R"({"x":"\u0000"})"))}));
    EXPECT_EQ(orders(), "2|2|~|~|f\n");
    EXPECT_EQ(rows("SELECT source_id, sqlstate FROM projection_dead_letter ORDER BY id"),
              "pg://c/db/public.orders/PK:1|22021\npg://c/db/public.orders/PK:3|22P05\n");
}

TEST_F(Rejects, WhatTheSinkItselfCannotApplyIsParked) {
    catalog_.tables["public.plain"][1] = define({{"id", "integer"}}, 0);
    begin(config::OnReject::park);
    Row row = make_row(Op::update, "1", "null", R"({"id":2})");
    row.table = "plain";
    row.key = "null";
    row.source_id = "pg://c/db/public.plain/NONE";
    ok(apply({inserted("1", order("1", "1")), row, inserted("2", order("2", "2"))}));
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "2\n");
    EXPECT_EQ(
        rows("SELECT op_type, sqlstate, reason LIKE '%no key and the event no old image%', hint IS NOT NULL "
             "FROM projection_dead_letter"),
        "u|~|t|t\n");
}

// Of a table without a key, which makes it one that the sink has to refuse by itself.
class RejectsHere : public Rejects {
  protected:
    void begin_plain(config::OnReject on_reject) {
        catalog_.tables["public.plain"][1] = define({{"id", "integer"}}, 0);
        begin(on_reject);
        ok(apply({inserted("0", order("0", "0")), plain(Op::insert)}));
    }
    static Row plain(Op op) {
        Row row = make_row(op, "1", "null", R"({"id":1})");
        row.table = "plain";
        row.key = "null";
        row.source_id = "pg://c/db/public.plain/NONE";
        return row;
    }
    // The commit of an insert into orders is under way when the sink is given an event that it refuses.
    Status refuse_behind_a_commit() {
        run("BEGIN; LOCK TABLE orders");
        CDC_RETURN_IF_ERROR(sink_->write(next({inserted("1", order("1", "1"))})[0]));
        CDC_RETURN_IF_ERROR(sink_->ran_dry());
        CDC_RETURN_IF_ERROR(sink_->write(next({plain(Op::update)})[0]));
        std::thread release([this] {
            std::this_thread::sleep_for(std::chrono::milliseconds(300));
            run("COMMIT");
        });
        const Status status = sink_->poll();
        release.join();
        return status.ok() ? sink_->flush(std::chrono::seconds(20)) : status;
    }
};

TEST_F(RejectsHere, LeaveACommitThatIsUnderWayDone) {
    begin_plain(config::OnReject::park);
    ok(refuse_behind_a_commit());
    EXPECT_EQ(rows("SELECT id FROM orders ORDER BY id"), "0\n1\n");
    EXPECT_EQ(dead_letters(), "shop|0/1300|0|pg://c/db/public.plain/NONE|u|~\n");
    EXPECT_EQ(sink_->durable_lsn(), Lsn{0x1340});
}

TEST_F(RejectsHere, AreNamedBehindACommitThatIsUnderWay) {
    begin_plain(config::OnReject::stop);
    const Status status = refuse_behind_a_commit();
    EXPECT_EQ(status.code(), StatusCode::reject) << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr("update of public.plain"));
    sink_->close();
    EXPECT_EQ(rows("SELECT id FROM orders ORDER BY id"), "0\n1\n");
}

// What the target refuses of the load that is under way is found too.
TEST_F(RejectsHere, AreFoundBehindALoadThatTheTargetRefuses) {
    begin_plain(config::OnReject::park);
    run("ALTER TABLE orders ADD CONSTRAINT lucky CHECK (qty <> 1)");
    ok(refuse_behind_a_commit());
    EXPECT_EQ(rows("SELECT id FROM orders ORDER BY id"), "0\n");
    EXPECT_EQ(rows("SELECT op_type, sqlstate FROM projection_dead_letter ORDER BY id"), "c|23514\nu|~\n");
}

// That another worker has moved the position is no refusal, and ends it.
TEST_F(RejectsHere, GiveWayToAFailureOfWhatIsUnderWay) {
    begin_plain(config::OnReject::park);
    run("UPDATE projection_position SET end_lsn = '0/7000'");
    const Status status = refuse_behind_a_commit();
    EXPECT_EQ(status.code(), StatusCode::fatal) << status.to_string();
    EXPECT_EQ(rows("SELECT id FROM orders ORDER BY id"), "0\n");
}

// A transaction of messages alone leaves nothing that would be gone through again.
TEST_F(Rejects, BehindALongTransactionOfMessagesAreFound) {
    begin(config::OnReject::park);
    forbid_thirteen();
    Row message = make_row(Op::message, "", "null", "null");
    message.source_id = "pg://c/db";
    message.key = "null";
    message.extra = R"(,"message":{"prefix":"app","transactional":true,"content":"aGk="})";
    for (const SlicePtr& slice : next({message, message}, 2))
        ok(sink_->write(slice));
    ok(write_numbers(13, 14));
    EXPECT_EQ(rows("SELECT id FROM orders ORDER BY id"), "0\n14\n");
    EXPECT_EQ(rows("SELECT op_type, sqlstate FROM projection_dead_letter"), "c|23514\n");
}

TEST_F(Rejects, InTheSnapshotAreParkedToo) {
    run("CREATE TABLE orders (id integer PRIMARY KEY, qty integer CHECK (qty <> 13), note text, doc jsonb, "
        "_source_id text NOT NULL, _evidence_id text, _commit_lsn pg_lsn, _seq bigint, _schema_version "
        "integer, "
        "_ts_source timestamptz, _deleted boolean NOT NULL DEFAULT false)");
    sink_ = std::make_unique<PostgresSink>(settings_for(config::OnReject::park));
    ok(sink_->open(context_));
    ok(sink_->begin_snapshot({0x1000}));
    std::vector<Row> read;
    for (int i = 1; i <= 20; ++i)
        read.push_back(
            make_row(Op::read, std::to_string(i), "null", order(std::to_string(i), std::to_string(i))));
    ok(sink_->write(make_snapshot({0x1000}, read)));
    ok(sink_->end_snapshot({0x1000}));
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "19\n");
    EXPECT_EQ(dead_letters(), "shop|0/1000|~|pg://c/db/public.orders/PK:13|r|23514\n");
}

// What is not kept can't be gone through again: the whole snapshot comes again, at another point.
TEST_F(Rejects, InASnapshotTooLargeToBeKeptAreFoundWhenItComesAgain) {
    run("CREATE TABLE orders (id integer PRIMARY KEY, qty integer CHECK (qty <> 13), note text, doc jsonb, "
        "_source_id text NOT NULL, _evidence_id text, _commit_lsn pg_lsn, _seq bigint, _schema_version "
        "integer, _ts_source timestamptz, _deleted boolean NOT NULL DEFAULT false)");
    context_.memory_limit = 4096;
    sink_ = std::make_unique<PostgresSink>(settings_for(config::OnReject::park));
    std::vector<Row> read;
    for (int i = 1; i <= 100; ++i)
        read.push_back(
            make_row(Op::read, std::to_string(i), "null", order(std::to_string(i), std::to_string(i))));
    const auto take = [&](Lsn point) {
        ok(sink_->open(context_));
        ok(sink_->begin_snapshot(point));
        const Status status = sink_->write(make_snapshot(point, read));
        return status.ok() ? sink_->end_snapshot(point) : status;
    };
    const Status status = take({0x1000});
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    EXPECT_TRUE(status.now()) << "the next time it goes otherwise";
    ok(take({0x2000}));
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "99\n");
    EXPECT_EQ(dead_letters(), "shop|0/2000|~|pg://c/db/public.orders/PK:13|r|23514\n");
}

}  // namespace
}  // namespace cdc::test
