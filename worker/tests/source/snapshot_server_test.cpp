// Reading a snapshot on a real server.
#include <gmock/gmock.h>

#include <atomic>
#include <future>

#include "source/snapshot_test.h"

namespace cdc::source {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(SnapshotOnServer, every_row_of_every_table_once_in_chunks) {
    run("CREATE TABLE public.a (id int PRIMARY KEY, v text); CREATE TABLE public.b (id int PRIMARY KEY);"
        "CREATE TABLE public.empty (id int PRIMARY KEY); CREATE SCHEMA \"Odd \"\"one\"\"\";"
        "CREATE TABLE \"Odd \"\"one\"\"\".\"t'able\" (id int PRIMARY KEY, \"row\" text, t int);"
        "INSERT INTO public.a SELECT g, repeat('x\\', g % 50) FROM generate_series(1, 1000) g;"
        "INSERT INTO public.b VALUES (1); INSERT INTO \"Odd \"\"one\"\"\".\"t'able\" VALUES (5, 'a', 6)");
    take_snapshot();
    run("INSERT INTO public.a VALUES (777777); DELETE FROM public.b");
    SnapshotReader reader = open();
    EXPECT_THAT(names(reader), ElementsAre("Odd \"one\".t'able", "public.a", "public.b", "public.empty"));
    auto lines = read_all(reader, 1000);
    EXPECT_EQ(lines["public.a"].size(), 1000u);
    EXPECT_EQ(lines["public.b"].size(), 1u);
    EXPECT_EQ(lines.count("public.empty"), 0u);
    ASSERT_EQ(lines["Odd \"one\".t'able"].size(), 1u);
    EXPECT_THAT(lines["Odd \"one\".t'able"][0],
                AllOf(HasSubstr("\"id\":5"), HasSubstr("\"row\":\"a\""), HasSubstr("\"t\":6")));
    const std::string line = lines["public.b"].front();
    EXPECT_THAT(line, HasSubstr("\"op_type\":\"r\""));
    EXPECT_THAT(line, HasSubstr("\"ts_source\":\"" + reader.snapshot_time() + "\""));
    EXPECT_THAT(line, HasSubstr("\"commit_lsn\":\"" + slot_->consistent_point().to_string() + "\""));
    EXPECT_THAT(line, HasSubstr("\"after\":{\"id\":1}"));
}

TEST_F(SnapshotOnServer, chunks_of_one_row_and_of_everything_hold_the_same) {
    run("CREATE TABLE public.a (id int PRIMARY KEY); INSERT INTO public.a SELECT generate_series(1, 37)");
    std::vector<std::string> rows[2];
    for (const std::size_t max_bytes : {std::size_t{1}, std::size_t{1} << 20}) {
        SnapshotReader reader = open();
        const auto lines = read_all(reader, max_bytes);
        for (const std::string& line : lines.at("public.a")) {
            rows[max_bytes > 1].push_back(
                line.substr(line.find("\"after\"")));  // ts_source differs by reader
        }
    }
    EXPECT_EQ(rows[0].size(), 37u);
    EXPECT_EQ(rows[0], rows[1]);
}

TEST_F(SnapshotOnServer, what_is_captured) {
    run("CREATE TABLE public.keep (id int PRIMARY KEY); CREATE TABLE public.tmp_1 (id int);"
        "CREATE UNLOGGED TABLE public.fast (id int); CREATE VIEW public.v AS SELECT 1; CREATE TEMP TABLE "
        "gone (id int);"
        "CREATE TABLE public.part (id int PRIMARY KEY) PARTITION BY LIST (id);"
        "CREATE TABLE public.part_1 PARTITION OF public.part FOR VALUES IN (1);"
        "CREATE TABLE public.parent (id int); CREATE TABLE public.child () INHERITS (public.parent);"
        "INSERT INTO public.part VALUES (1); INSERT INTO public.child VALUES (2); INSERT INTO public.parent "
        "VALUES (3)");
    source_.exclude_tables = {"public.tmp_*"};
    SnapshotReader reader = open();
    EXPECT_THAT(names(reader), ElementsAre("public.child", "public.keep", "public.parent", "public.part_1"));
    auto lines = read_all(reader, 100000);
    EXPECT_EQ(lines["public.parent"].size(), 1u) << "its own rows only";
    EXPECT_EQ(lines["public.child"].size(), 1u);
    EXPECT_EQ(lines["public.part_1"].size(), 1u);
    source_.include_tables = {"*.p*"};
    EXPECT_THAT(names(open()), ElementsAre("public.parent", "public.part_1"));
}

TEST_F(SnapshotOnServer, publications_choose_tables_and_partitions_by_their_root) {
    run("CREATE TABLE public.a (id int PRIMARY KEY); CREATE TABLE public.b (id int PRIMARY KEY);"
        "CREATE TABLE public.part (id int PRIMARY KEY) PARTITION BY LIST (id);"
        "CREATE TABLE public.part_1 PARTITION OF public.part FOR VALUES IN (1);"
        "CREATE PUBLICATION one FOR TABLE public.b, public.part WITH (publish_via_partition_root);"
        "CREATE PUBLICATION two FOR TABLE public.part");
    source_.publication_names = {"one"};
    EXPECT_THAT(names(open()), ElementsAre("public.b", "public.part_1"));
    source_.publication_names = {"two"};
    EXPECT_THAT(names(open()), ElementsAre("public.part_1"));
    source_.publication_names = {"two", "no'such"};
    const Status missing = open(dsn_).status();
    EXPECT_EQ(missing.code(), StatusCode::fatal);
    EXPECT_THAT(missing.message(), HasSubstr("publication \"no'such\" does not exist"));
}

TEST_F(SnapshotOnServer, publications_choose_rows_and_columns) {
    if (sql_->server_version() < 150000) GTEST_SKIP() << "row filters came with PostgreSQL 15";
    run("CREATE TABLE public.a (id int PRIMARY KEY, \"row\" text, secret text);"
        "INSERT INTO public.a VALUES (1, 'one', 'x'), (2, 'two', 'x'), (3, 'three', 'x'), (4, 'four', 'x');"
        "CREATE PUBLICATION high FOR TABLE public.a (id, \"row\") WHERE (id > 3);"
        "CREATE PUBLICATION low FOR TABLE public.a (id, \"row\") WHERE (id < 2) WITH (publish = 'insert')");
    source_.publication_names = {"high", "low"};
    SnapshotReader reader = open();
    EXPECT_THAT(read_all(reader, 100000)["public.a"],
                ElementsAre(HasSubstr(R"("after":{"id":1,"row":"one"})"),
                            HasSubstr(R"("after":{"id":4,"row":"four"})")));
}

TEST_F(SnapshotOnServer, configured_conditions_choose_rows) {
    run("CREATE TABLE public.a (id int PRIMARY KEY, v text); CREATE TABLE public.b (id int PRIMARY KEY);"
        "INSERT INTO public.a VALUES (1, 'x'), (2, 'y'), (3, 'x'); INSERT INTO public.b VALUES (1), (2);"
        "CREATE TABLE public.part (id int PRIMARY KEY) PARTITION BY LIST (id);"
        "CREATE TABLE public.part_1 PARTITION OF public.part FOR VALUES IN (1, 2);"
        "INSERT INTO public.part VALUES (1), (2)");
    source_.where = {{"public.a", "v = 'x' -- one"}, {"public.*", "id > 1"}, {"public.part", "id < 2"}};
    SnapshotReader reader = open();
    auto lines = read_all(reader, 100000);
    EXPECT_THAT(lines["public.a"], ElementsAre(HasSubstr("\"id\":3")));
    EXPECT_THAT(lines["public.b"], ElementsAre(HasSubstr("\"id\":2")));
    EXPECT_THAT(lines["public.part_1"], IsEmpty()) << "the conditions of the table it is a partition of";
}

TEST_F(SnapshotOnServer, conditions_that_look_beyond_the_row_are_refused) {
    run("CREATE TABLE public.a (id int PRIMARY KEY, \"random\" int); CREATE SEQUENCE public.s");
    for (const char* wrong : {"nextval('public.s') > 0", "random () > 0.5", "id > (SELECT 1)", "id", "no > 1",
                              "id > 1; DROP TABLE public.a", "\"clock_timestamp\"/**/() > now()", "id > ",
                              "exists (table public.a)", "id in (VALUES (1))"}) {
        source_.where = {{"public.a", wrong}};
        const Status status = open(dsn_).status();
        EXPECT_EQ(status.code(), StatusCode::fatal) << wrong;
        EXPECT_THAT(status.message(), HasSubstr("source.tables.where of table public.a")) << wrong;
    }
    for (const char* right : {"id > 1", "\"random\" > 1", "now() > '2020-01-01'", "'(select' <> 'nextval('",
                              "lower('A') = 'a'"}) {
        source_.where = {{"public.a", right}};
        EXPECT_TRUE(open(dsn_).ok()) << right;
    }
}

TEST_F(SnapshotOnServer, the_slots_policy_holds_whatever_the_options_are) {
    run("CREATE TABLE public.a (id int PRIMARY KEY, secret text); CREATE TABLE public.b (id int PRIMARY KEY);"
        "INSERT INTO public.a VALUES (1, 'hidden'); INSERT INTO public.b VALUES (2);"
        "INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, masks) VALUES ('policed', "
        "'{public.a}', '{public.a.secret:redact}'), ('*', '{}', '{}')");
    source_.slot = "policed";
    source_.include_tables = {"public.*"};
    SnapshotReader reader = open();
    EXPECT_THAT(names(reader), ElementsAre("public.a"));
    EXPECT_THAT(read_all(reader, 100000)["public.a"],
                ElementsAre(HasSubstr(R"("after":{"id":1,"secret":null})")));
    source_.slot = "another";
    EXPECT_THAT(names(open()), IsEmpty());
}

TEST_F(SnapshotOnServer, ddl_waits_for_one_table_not_for_the_snapshot) {
    run("CREATE TABLE public.a (id int PRIMARY KEY); CREATE TABLE public.b (id int PRIMARY KEY);"
        "INSERT INTO public.a SELECT generate_series(1, 10); INSERT INTO public.b SELECT generate_series(1, "
        "50000)");
    SnapshotReader reader = open();
    while (true) {
        auto chunk = reader.next(500);
        ASSERT_TRUE(chunk.ok() && chunk->has_value());
        if ((*chunk)->table == 1) break;
    }
    run("SET lock_timeout = '1s'");
    run("ALTER TABLE public.a ADD COLUMN note text");
    EXPECT_THAT(sql_->execute("ALTER TABLE public.b ADD COLUMN note text").message(),
                HasSubstr("lock timeout"))
        << "the table that is being read is locked";
}

TEST_F(SnapshotOnServer, a_table_rewritten_meanwhile_is_not_taken_for_empty) {
    run("CREATE TABLE public.a (id int PRIMARY KEY); INSERT INTO public.a VALUES (1)");
    SnapshotReader reader = open();
    run("ALTER TABLE public.a ALTER COLUMN id TYPE bigint");
    const Status status = failure_of(reader);
    EXPECT_EQ(status.code(), StatusCode::retry);
    EXPECT_THAT(status.message(), HasSubstr("public.a has been rewritten"));
}

TEST_F(SnapshotOnServer, a_table_renamed_meanwhile_is_not_taken_for_dropped) {
    run("CREATE TABLE public.a (id int PRIMARY KEY); INSERT INTO public.a VALUES (1)");
    SnapshotReader reader = open();
    run("ALTER TABLE public.a RENAME TO c");
    EXPECT_EQ(failure_of(reader).code(), StatusCode::retry);
    slot_.reset();
    SnapshotReader again = open();
    run("ALTER TABLE public.c RENAME TO d; CREATE TABLE public.c (id int)");
    EXPECT_EQ(failure_of(again).code(), StatusCode::retry) << "another table has taken the name";
}

TEST_F(SnapshotOnServer, a_table_dropped_meanwhile_is_left_out) {
    run("CREATE TABLE public.a (id int PRIMARY KEY); CREATE TABLE public.b (id int PRIMARY KEY);"
        "INSERT INTO public.a VALUES (1); INSERT INTO public.b VALUES (1)");
    SnapshotReader reader = open();
    run("DROP TABLE public.a");
    auto lines = read_all(reader, 1000);
    EXPECT_EQ(lines.count("public.a"), 0u);
    EXPECT_EQ(lines["public.b"].size(), 1u);
}

TEST_F(SnapshotOnServer, privileges_that_are_missing_are_named_with_their_grant) {
    const std::string role = name_ + "_role";
    run("CREATE ROLE " + role +
        " LOGIN; CREATE TABLE public.a (id int PRIMARY KEY);"
        "GRANT USAGE ON SCHEMA public, cdc_envelope TO " +
        role);
    take_snapshot();
    const std::string dsn = dsn_ + " user=" + role;
    auto reader = open(dsn);
    if (reader.ok()) {
        const Status denied = failure_of(*reader);
        EXPECT_EQ(denied.code(), StatusCode::fatal);
        EXPECT_THAT(denied.message(), HasSubstr("snapshot of table public.a"));
        EXPECT_THAT(denied.hint(), HasSubstr("GRANT SELECT ON TABLE \"public\".\"a\" TO \"" + role + "\""));
    } else {
        ADD_FAILURE() << reader.status().to_string();
    }
    run("GRANT SELECT ON public.a TO " + role + "; ALTER TABLE public.a ENABLE ROW LEVEL SECURITY");
    auto filtered = open(dsn);
    ASSERT_TRUE(filtered.ok());
    const Status hidden = failure_of(*filtered);
    EXPECT_EQ(hidden.code(), StatusCode::fatal);
    EXPECT_THAT(hidden.hint(), HasSubstr("BYPASSRLS"));
    run("REVOKE USAGE ON SCHEMA cdc_envelope FROM PUBLIC, " + role);
    const Status schema = open(dsn).status();
    EXPECT_EQ(schema.code(), StatusCode::fatal);
    EXPECT_THAT(schema.hint(), HasSubstr("GRANT USAGE ON SCHEMA cdc_envelope"));
    run("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_F(SnapshotOnServer, a_missing_extension_is_fatal_with_the_line_that_makes_it) {
    run("DROP EXTENSION cdc_envelope");
    const Status status = open(dsn_).status();
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.hint(), HasSubstr("CREATE EXTENSION cdc_envelope"));
}

TEST_F(SnapshotOnServer, a_snapshot_whose_slot_is_gone_is_taken_again) {
    take_snapshot();
    const std::string gone = slot_->snapshot_name();
    const Lsn point = slot_->consistent_point();
    slot_.reset();
    eventually("the snapshot is gone", [&] {
        return SnapshotReader::open(dsn_, "cdc test", source_, gone, point, {}).status().code() ==
               StatusCode::retry;
    });
}

TEST_F(SnapshotOnServer, reading_can_be_stopped_while_a_lock_is_waited_for_or_a_row_is_made) {
    run("CREATE TABLE public.a (id int PRIMARY KEY); INSERT INTO public.a VALUES (1)");
    std::atomic<bool> stopped = false;
    auto reader = open(dsn_, [&] { return stopped.load(); });
    ASSERT_TRUE(reader.ok());
    std::unique_ptr<pq::Connection> ddl;
    connect(dsn_, ddl);
    run(*ddl, "BEGIN; LOCK TABLE public.a IN ACCESS EXCLUSIVE MODE");
    auto reading = std::async(std::launch::async, [&] { return failure_of(*reader); });
    EXPECT_EQ(reading.wait_for(std::chrono::milliseconds(600)), std::future_status::timeout);
    stopped = true;
    ASSERT_EQ(reading.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_EQ(reading.get().code(), StatusCode::retry);
}

TEST_F(SnapshotOnServer, of_one_table_it_has_what_both_conditions_hold_for) {
    run("CREATE TABLE public.a (id int, t text); INSERT INTO public.a SELECT i, 'x' FROM generate_series(1, "
        "9) i;"
        "CREATE TABLE public.b (id int); INSERT INTO public.b VALUES (1)");
    take_snapshot();
    run("INSERT INTO public.a VALUES (4, 'later')");
    source_.projection = "p";
    const auto read = [&](const std::string& where, const std::string& condition) {
        auto sql = open_source_connection(dsn_, "cdc test", pq::Mode::sql);
        EXPECT_TRUE(sql.ok());
        auto tables = captured_tables(*sql, source_);
        EXPECT_TRUE(tables.ok());
        CapturedTable table = tables->front();
        table.where = where;
        auto reader = SnapshotReader::open_table(dsn_, "cdc test", source_, slot_->snapshot_name(),
                                                 slot_->consistent_point(), {}, table, condition);
        EXPECT_TRUE(reader.ok()) << reader.status().to_string();
        return read_all(*reader, 1000)["public.a"].size();
    };
    EXPECT_EQ(read("", ""), 9u);
    EXPECT_EQ(read("id > 3", ""), 6u);
    EXPECT_EQ(read("", "id < 6 -- the least"), 5u);
    EXPECT_EQ(read("id > 3 -- or more", "id < 6 OR id = 9"), 3u);
}

}  // namespace
}  // namespace cdc::source
