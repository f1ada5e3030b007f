// Tables that the initial snapshot makes, and whose key is built when their rows are there, on a real server.
#include <gmock/gmock.h>

#include "sinks/postgres/sink_test.h"

namespace cdc::test {
namespace {

using ::testing::HasSubstr;

class DeferredKey : public PostgresSinkTest {
  protected:
    void SetUp() override {
        PostgresSinkTest::SetUp();
        catalog_.ordinary = {"public.orders"};
    }
    void open_for_snapshot() {
        config::PostgresSink parking = settings();
        parking.on_reject = config::OnReject::park;
        sink_ = std::make_unique<PostgresSink>(parking);
        ok(sink_->open(context_));
        ok(sink_->begin_snapshot({0x1000}));
    }
    static Row read_order(int id, const std::string& note = "null") {
        const std::string text = std::to_string(id);
        return make_row(Op::read, text, "null", order(text, text, note));
    }
    // Rows that are committed.
    void load(int from, int to) {
        for (int id = from; id <= to; ++id)
            ok(sink_->write(make_snapshot({0x1000}, {read_order(id)})));
        ok(sink_->flush(std::chrono::seconds(20)));
    }
    std::string key() {
        return rows(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' AND conrelid "
            "= 'public.orders'::regclass");
    }
    std::string to_come() { return rows("SELECT key_to_come FROM projection_table"); }
    void has_its_key() {
        EXPECT_EQ(key(), "orders_pkey|PRIMARY KEY (id)\n");
        EXPECT_EQ(to_come(), "~\n");
    }
};

TEST_F(DeferredKey, IsMadeWhenTheRowsAreThere) {
    open_for_snapshot();
    load(1, 3);
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "3\n");
    EXPECT_EQ(key(), "");
    EXPECT_EQ(to_come(), "[\"id\"]\n");
    ok(sink_->end_snapshot({0x1000}));
    has_its_key();
    ok(sink_->begin_streaming({0x1000}));
    ok(apply({updated("2", order("2", "20")), inserted("4", order("4", "4")), deleted("3")}));
    EXPECT_EQ(rows("SELECT id, qty, _deleted FROM orders ORDER BY id"), "1|1|f\n2|20|f\n3|3|t\n4|4|f\n");
}

TEST_F(DeferredKey, ALoadThatWasInterruptedGetsItBeforeAnythingElse) {
    open_for_snapshot();
    load(1, 3);
    sink_->close();
    EXPECT_EQ(key(), "");
    start();
    has_its_key();
    ok(apply({updated("2", order("2", "20"))}));
    EXPECT_EQ(rows("SELECT id, qty FROM orders ORDER BY id"), "1|1\n2|20\n3|3\n");
}

// What a first snapshot that goes on tells of its tables, before the sink streams.
TEST_F(DeferredKey, AnAnnouncedTableGetsIt) {
    open_for_snapshot();
    load(1, 3);
    sink_->close();
    ok(sink_->open(context_));
    ok(sink_->empty_table("public", "orders"));
    has_its_key();
}

TEST_F(DeferredKey, ASnapshotThatBeginsAnewEmptiesTheTable) {
    run("CREATE PUBLICATION everything FOR ALL TABLES");  // a DELETE without a key would be refused
    open_for_snapshot();
    load(1, 3);
    sink_.reset();
    run("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = "
        "'cdc-worker shop' AND datname = current_database()");
    open_for_snapshot();
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "0\n");
    load(2, 5);
    EXPECT_EQ(key(), "");
    ok(sink_->end_snapshot({0x1000}));
    has_its_key();
    EXPECT_EQ(rows("SELECT count(*), sum(id) FROM orders"), "4|14\n");
}

// Two leaves may have rows under one key, which the later one takes.
TEST_F(DeferredKey, ATableThatMayBePartitionedHasItFromTheStart) {
    catalog_.ordinary.clear();
    open_for_snapshot();
    load(1, 1);
    has_its_key();
    load(1, 1);
    ok(sink_->end_snapshot({0x1000}));
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "1\n");
}

TEST_F(DeferredKey, ARowThatTheTargetRefusesIsParkedAllTheSame) {
    open_for_snapshot();
    load(1, 3);
    ok(sink_->write(make_snapshot({0x1000}, {read_order(4), read_order(5, R"("\u0000")"), read_order(6)})));
    ok(sink_->end_snapshot({0x1000}));
    has_its_key();
    EXPECT_EQ(rows("SELECT count(*), sum(id) FROM orders"), "5|16\n");
    EXPECT_EQ(rows("SELECT count(*) FROM projection_dead_letter"), "1\n");
}

TEST_F(DeferredKey, RowsThatCannotHaveItStopThePipeline) {
    open_for_snapshot();
    load(1, 3);
    load(3, 3);
    const Status status = sink_->end_snapshot({0x1000});
    EXPECT_EQ(status.code(), StatusCode::fatal) << status.to_string();
    EXPECT_THAT(status.to_string(), HasSubstr("making the primary key of projection table public.orders"));
    EXPECT_EQ(rows("SELECT count(*) FROM projection_dead_letter"), "0\n");
}

TEST_F(DeferredKey, ItsNameIsFreeAndItsColumnsAreQuoted) {
    const std::string image = R"({"a \"b":1,"id":2})";
    const std::string name(60, 't');
    catalog_.tables["public." + name][1] = define({{"a \"b", "integer"}, {"id", "integer"}}, 2);
    catalog_.ordinary.insert("public." + name);
    run("CREATE TABLE orders_pkey ()");
    open_for_snapshot();
    Row row = make_row(Op::read, "1,2", "null", image);
    row.table = name;
    row.key = image;
    ok(sink_->write(make_snapshot({0x1000}, {read_order(1), row})));
    ok(sink_->end_snapshot({0x1000}));
    EXPECT_EQ(rows("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' AND conrelid IN "
                   "('orders'::regclass, '" +
                   name + "'::regclass) ORDER BY 1"),
              "PRIMARY KEY (\"a \"\"b\", id)\nPRIMARY KEY (id)\n");
}

TEST_F(DeferredKey, AStopDoesNotWaitForIt) {
    bool stopping = false;
    context_.stopping = [&] { return stopping; };
    open_for_snapshot();
    load(1, 3);
    run("BEGIN; LOCK TABLE orders IN ROW EXCLUSIVE MODE");
    stopping = true;
    const Status status = sink_->end_snapshot({0x1000});
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    run("ROLLBACK");
    stopping = false;
    start();
    has_its_key();
}

}  // namespace
}  // namespace cdc::test
