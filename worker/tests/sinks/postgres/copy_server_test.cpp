// The initial snapshot's rows, copied into tables that were empty, on a real server.
#include <gmock/gmock.h>

#include "sinks/postgres/sink_test.h"

namespace cdc::test {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

class CopiedSnapshot : public PostgresSinkTest {
  protected:
    static Row read_row(const std::string& table, const std::string& id, const std::string& image) {
        Row row = make_row(Op::read, id, "null", image);
        row.table = table;
        return row;
    }
    static Row read_order(const std::string& id, const std::string& qty) {
        return read_row("orders", id, order(id, qty));
    }
    // extra: of the connection string.
    void open_for_snapshot(const std::string& extra = "") {
        config::PostgresSink with_extra = settings();
        with_extra.dsn += extra;
        with_extra.on_reject = config::OnReject::park;
        sink_ = std::make_unique<PostgresSink>(with_extra);
        ok(sink_->open(context_));
        ok(sink_->begin_snapshot({0x1000}));
    }
    void end_snapshot() {
        ok(sink_->end_snapshot({0x1000}));
        ok(sink_->begin_streaming({0x1000}));
    }
    void snapshot_of(const std::vector<Row>& rows) {
        open_for_snapshot();
        ok(sink_->write(make_snapshot({0x1000}, rows)));
        end_snapshot();
    }
    // A table in which each row says by which statement it came.
    void make_table_that_says_how(const std::string& name, const std::string& columns) {
        run("CREATE TABLE " + name + " (id integer PRIMARY KEY, " + columns +
            ", how text DEFAULT current_query(), _source_id text, _evidence_id text, _commit_lsn pg_lsn, "
            "_seq bigint, _schema_version integer, _ts_source timestamptz, _deleted boolean)");
    }
    void make_orders_that_say_how() {
        make_table_that_says_how("orders", "qty integer, note text, doc jsonb");
    }
    std::string how() { return rows("SELECT DISTINCT how FROM orders"); }
};

TEST_F(CopiedSnapshot, ATableThatWasEmptyIsCopiedInto) {
    make_orders_that_say_how();
    snapshot_of({read_order("1", "1"), read_order("2", "2")});
    EXPECT_THAT(how(), StartsWith("COPY "));
    ok(apply({inserted("3", order("3", "3"))}));
    EXPECT_THAT(rows("SELECT how FROM orders WHERE id = 3"), StartsWith("INSERT "));
}

// Values that COPY's text format gives a meaning of its own, and every form that an image has.
TEST_F(CopiedSnapshot, ACopiedRowIsWhatAnInsertedOneIs) {
    const TableDefinition definition = define({{"id", "integer"},
                                               {"note", "text"},
                                               {"doc", "jsonb"},
                                               {"raw", "bytea"},
                                               {"price", "numeric(12,2)"},
                                               {"ratio", "double precision"},
                                               {"at", "timestamp with time zone"},
                                               {"valid", "boolean"},
                                               {"code", "character(4)"}});
    catalog_.tables["public.copied"][1] = definition;
    catalog_.tables["public.inserted"][1] = definition;
    const std::vector<std::string> images = {
        R"({"id":1,"note":"a\tb\nc\rd\\e\"f\u0001","doc":{"a\\b":"\t\n\"x\" \\N"},"raw":"\\x005c09","price":1.50,"ratio":"NaN","at":"2026-02-07 05:55:21.5+00","valid":true,"code":"ab  "})",
        R"({"id":2,"note":"\\N","doc":"\\.","raw":"\\x","price":null,"ratio":-0.1,"at":"infinity","valid":false,"code":null})",
        R"({"id":3,"note":"\\.","doc":[1,null],"raw":null,"price":"NaN","ratio":1e300,"at":null,"valid":null,"code":""})",
        R"({"id":4,"note":"","doc":null,"raw":"\\xff","price":-1,"ratio":"-Infinity","at":"0044-03-15 00:00:00+00 BC","valid":true,"code":"é\\"})",
        R"({"id":5,"note":"\b\f ÿ\\t","doc":"","raw":"\\x0a0d","price":0,"ratio":0,"at":"-infinity","valid":true,"code":"\\."})"};
    std::vector<Row> read, written;
    for (std::size_t i = 0; i < images.size(); ++i) {
        read.push_back(read_row("copied", std::to_string(i + 1), images[i]));
        written.push_back(inserted(std::to_string(i + 1), images[i]));
        written.back().table = "inserted";
        if (i == 3) read.back().extra = written.back().extra = R"(,"json_null":["after.doc"])";
    }
    make_table_that_says_how("copied",
                             "note text, doc jsonb, raw bytea, price numeric(12,2), ratio double precision, "
                             "at timestamp with time zone, valid boolean, code character(4)");
    snapshot_of(read);
    EXPECT_EQ(rows("SELECT count(*) FROM copied WHERE how LIKE 'COPY %'"), "5\n");
    ok(apply(written));
    const std::string columns =
        "SELECT c::text FROM (SELECT id, note, doc, raw, price, ratio, at, valid, code FROM ";
    const std::string copied = rows(columns + "copied) c ORDER BY id");
    EXPECT_EQ(copied, rows(columns + "inserted) c ORDER BY id"));
    EXPECT_EQ(rows("SELECT id FROM copied WHERE doc = 'null'"), "4\n");
    EXPECT_EQ(rows("SELECT note FROM copied WHERE id IN (2, 3) ORDER BY id"), "\\N\n\\.\n");
}

// Two readers deliver their tables in turns, and what the target gets is a COPY for each turn.
TEST_F(CopiedSnapshot, TablesTakeTurnsAndOneIsMetAsItsFirstRowComes) {
    for (const char* table : {"one", "two"})
        catalog_.tables[std::string("public.") + table][1] = define({{"id", "numeric"}, {"name", "text"}});
    catalog_.tables["public.listed"][1] = define({{"id", "integer"}, {"list", "integer[]"}});
    catalog_.tables["public.keyless"][1] = define({{"id", "integer"}}, 0);
    open_for_snapshot();
    for (int i = 1; i <= 40; ++i) {
        const std::string id = std::to_string(i);
        const std::string name = R"({"id":)" + id + R"(,"name":"n)" + id + "\"}";
        std::vector<Row> rows = {read_row("one", id, name), read_row("two", id, name)};
        if (i > 10)
            rows.push_back(read_row("listed", id, R"({"id":)" + id + R"(,"list":[)" + id + ",null]}"));
        Row keyless = read_row("keyless", id, R"({"id":)" + id + "}");
        keyless.source_id = "pg://c/db/public.keyless/ROW:" + id;
        keyless.key = "null";
        if (i > 20) rows.push_back(keyless);
        ok(sink_->write(make_snapshot({0x1000}, rows)));
        if (i % 3 == 0) ok(sink_->poll());
        if (i % 7 == 0) ok(sink_->ran_dry());
    }
    end_snapshot();
    EXPECT_EQ(rows("SELECT count(*), sum(id), min(name) FROM one"), "40|820|n1\n");
    EXPECT_EQ(rows("SELECT count(*), sum(id), min(name) FROM two"), "40|820|n1\n");
    EXPECT_EQ(rows("SELECT count(*), sum(list[1]) FROM listed"), "30|765\n");
    EXPECT_EQ(rows("SELECT count(*), sum(id) FROM keyless"), "20|610\n");
}

// COPY FROM refuses a table whose policies apply to the role; an INSERT does not.
TEST_F(CopiedSnapshot, ATableWithRowSecurityIsInsertedInto) {
    const std::string role = database_ + "_writer";
    run("CREATE ROLE " + role + " LOGIN");
    run("ALTER DATABASE " + database_ + " OWNER TO " + role);
    run("ALTER SCHEMA public OWNER TO " + role);
    make_orders_that_say_how();
    run("ALTER TABLE orders OWNER TO " + role +
        "; ALTER TABLE orders ENABLE ROW LEVEL SECURITY; "
        "ALTER TABLE orders FORCE ROW LEVEL SECURITY; CREATE POLICY everything ON orders USING (true)");
    open_for_snapshot(" user=" + role);
    ok(sink_->write(make_snapshot({0x1000}, {read_order("1", "1")})));
    end_snapshot();
    EXPECT_THAT(how(), StartsWith("INSERT "));
    sink_.reset();
    run("REASSIGN OWNED BY " + role + " TO CURRENT_USER; DROP OWNED BY " + role);
    run(*admin_, "REASSIGN OWNED BY " + role + " TO CURRENT_USER");
    run(*admin_, "DROP ROLE " + role);
}

// A trigger, a foreign key or another unique constraint may need the source's order, and a rule what no COPY
// does.
TEST_F(CopiedSnapshot, ATableWithARuleIsInsertedInto) {
    make_orders_that_say_how();
    run("CREATE TABLE log (id integer); CREATE RULE note AS ON INSERT TO orders DO ALSO INSERT INTO log "
        "VALUES (1)");
    snapshot_of({read_order("1", "1")});
    EXPECT_THAT(how(), StartsWith("INSERT "));
    EXPECT_EQ(rows("SELECT count(*) FROM log"), "1\n");
}

// What the target refuses is undone with all of its load, found, and parked; every other row is there once.
TEST_F(CopiedSnapshot, ARowThatTheTargetRefusesIsParked) {
    make_orders_that_say_how();
    run("ALTER TABLE orders ADD CHECK (qty <> 13)");
    open_for_snapshot();
    for (int i = 1; i <= 30; ++i)
        ok(sink_->write(make_snapshot({0x1000}, {read_order(std::to_string(i), std::to_string(i))})));
    end_snapshot();
    EXPECT_EQ(rows("SELECT count(*), sum(qty) FROM orders"), "29|452\n");
    EXPECT_THAT(rows("SELECT source_id FROM projection_dead_letter"), EndsWith("/PK:13\n"));
}

// It is refused before it reaches the target, while the rows before it are on their way there.
TEST_F(CopiedSnapshot, AnEventThatCannotBeAppliedEndsAnOpenCopy) {
    open_for_snapshot();
    const std::string note = "\"" + std::string(200000, 'x') + "\"";
    for (const char* id : {"1", "2", "3"})
        ok(sink_->write(make_snapshot({0x1000}, {read_row("orders", id, order(id, "1", note))})));
    ok(sink_->poll());
    Row keyless = read_order("4", "1");
    keyless.key = "null";
    ok(sink_->write(make_snapshot({0x1000}, {keyless})));
    ok(sink_->write(make_snapshot({0x1000}, {read_order("5", "1")})));
    end_snapshot();
    EXPECT_EQ(rows("SELECT id, length(note) FROM orders ORDER BY id"), "1|200000\n2|200000\n3|200000\n5|~\n");
    EXPECT_THAT(rows("SELECT source_id FROM projection_dead_letter"), EndsWith("/PK:4\n"));
}

TEST_F(CopiedSnapshot, ATargetThatIsGoneInTheMiddleIsTriedAgain) {
    open_for_snapshot();
    Status status;
    for (int i = 1; i <= 400 && status.ok(); ++i) {
        status = sink_->write(make_snapshot({0x1000}, {read_order(std::to_string(i), "1")}));
        if (status.ok()) status = sink_->poll();
        if (i == 200) {
            run("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = "
                "'cdc-worker shop' AND datname = current_database()");
        }
    }
    if (status.ok()) status = sink_->end_snapshot({0x1000});
    EXPECT_EQ(status.code(), StatusCode::retry) << status.to_string();
    sink_->close();
    snapshot_of({read_order("7", "7")});
    EXPECT_EQ(orders(), "7|7|~|~|f\n");
}

}  // namespace
}  // namespace cdc::test
