// Snapshot and stream together on a real server: the same tables, the same options, the same bytes.
#include <gmock/gmock.h>

#include <regex>
#include <set>

#include "source/plugin_options.h"
#include "source/snapshot.h"
#include "source/source_test.h"

namespace cdc::source {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAreArray;

class HandoverOnServer : public SourceTest {
  protected:
    void SetUp() override {
        SourceTest::SetUp();
        source_.projection = "p";
        source_.batch_bytes = 0;
    }
    // Reads a snapshot, makes the slot permanent, runs `changes`, and streams them.
    void hand_over(const std::string& changes) {
        snapshot_.clear(), stream_.clear();
        const std::string slot = slot_name() + "_" + std::to_string(++handovers_);
        auto created = SnapshotSlot::create(dsn_, "cdc test", slot, {});
        ASSERT_TRUE(created.ok()) << created.status().to_string();
        auto reader = SnapshotReader::open(dsn_, "cdc test", source_, created->snapshot_name(),
                                           created->consistent_point(), {});
        ASSERT_TRUE(reader.ok()) << reader.status().to_string();
        for (;;) {
            auto chunk = reader->next(1u << 16);
            ASSERT_TRUE(chunk.ok()) << chunk.status().to_string();
            if (!chunk->has_value()) break;
            add_lines(snapshot_, (*chunk)->batch.bytes);
        }
        run(changes);
        const Status permanent = created->make_permanent();
        ASSERT_TRUE(permanent.ok()) << permanent.to_string();
        run("SELECT pg_logical_emit_message(true, 'end', 'of the changes')");
        ReplicationStream stream = open_stream();
        const Status started = stream.start(slot, created->consistent_point(), stream_options(source_));
        ASSERT_TRUE(started.ok()) << started.to_string();
        add_lines(stream_, read_until(stream, "of the changes"));
        EXPECT_TRUE(stream.finish().ok());
        run("SELECT pg_drop_replication_slot('" + slot + "')");  // a server has few
    }
    static void add_lines(std::vector<std::string>& lines, const std::string& text) {
        std::istringstream in(text);
        for (std::string line; std::getline(in, line);)
            lines.push_back(line);
    }
    // The names of the tables that row events of these lines are of.
    static std::set<std::string> tables_of(const std::vector<std::string>& lines) {
        static const std::regex name(
            R"re("op_type":"[rcud]".*"schema":("(?:[^"\\]|\\.)*"),"table":("(?:[^"\\]|\\.)*"))re");
        std::set<std::string> names;
        for (const std::string& line : lines) {
            std::smatch found;
            if (std::regex_search(line, found, name)) names.insert(found[1].str() + "." + found[2].str());
        }
        return names;
    }
    // Everything of a row's envelope that does not tell when it happened.
    static std::string timeless(const std::string& line) {
        static const std::regex when(
            R"re("op_type":".","ts_source":"[^"]*","commit_lsn":"[^"]*","xid":\w+,"seq":\w+,)re");
        return std::regex_replace(line, when, "");
    }

    config::Source source_;
    std::vector<std::string> snapshot_, stream_;
    int handovers_ = 0;
};

TEST_F(HandoverOnServer, a_row_has_the_same_bytes_whichever_way_it_came) {
    run("CREATE TYPE public.mood AS ENUM ('sad', 'ok'); SET timezone = 'Asia/Kolkata'; SET datestyle = "
        "'German';"
        "CREATE TABLE public.t (id int PRIMARY KEY, price numeric(10,2), at timestamptz, on_day date, doc "
        "jsonb, "
        "raw bytea, tags text[], m public.mood, f float8, i interval, long text)");
    const std::string row =
        ", 10.50, '2026-02-07 05:55:21.123456+00', '2026-02-07', '{\"a\": [1, null]}', '\\xDEADbeef', "
        "'{x,NULL,\"y z\"}', 'ok', 0.1, '1 year 2 mons 4.5 s', repeat('x', 10000))";
    run("INSERT INTO public.t VALUES (1" + row);
    hand_over("DELETE FROM public.t; INSERT INTO public.t VALUES (1" + row);
    ASSERT_EQ(snapshot_.size(), 1u);
    std::string inserted;
    for (const std::string& line : stream_) {
        if (line.find("\"op_type\":\"c\"") != std::string::npos) inserted = line;
    }
    EXPECT_EQ(timeless(snapshot_[0]), timeless(inserted));
    EXPECT_NE(timeless(inserted), inserted);
}

TEST_F(HandoverOnServer, the_snapshot_reads_the_tables_that_the_stream_sends) {
    run("CREATE SCHEMA sales; CREATE SCHEMA \"my.schema\"; CREATE TABLE public.a (id int PRIMARY KEY);"
        "CREATE TABLE public.ab (id int PRIMARY KEY); CREATE TABLE sales.\"b.a\" (id int PRIMARY KEY);"
        "CREATE TABLE \"my.schema\".\"A,\"\"c\" (id int PRIMARY KEY); CREATE TABLE sales.a (id int PRIMARY "
        "KEY);"
        "CREATE TABLE sales.part (id int PRIMARY KEY) PARTITION BY LIST (id);"
        "CREATE TABLE public.part_1 PARTITION OF sales.part FOR VALUES IN (1, 2);"
        "CREATE PUBLICATION \"pub.1\" FOR TABLE public.a, sales.part WITH (publish_via_partition_root);"
        "CREATE PUBLICATION plain FOR TABLE sales.a, sales.part; CREATE PUBLICATION everything FOR ALL "
        "TABLES");
    const auto insert_everywhere = [](const std::string& id) {
        std::string sql;
        for (const char* table : {"public.a", "public.ab", "sales.\"b.a\"", "\"my.schema\".\"A,\"\"c\"",
                                  "sales.a", "sales.part"}) {
            sql += std::string("INSERT INTO ") + table + " VALUES (" + id + ");";
        }
        return sql;
    };
    struct Choice {
        std::vector<std::string> include, exclude, publications;
        const char* partition;
        std::size_t tables;
    };
    const Choice choices[] = {
        {{}, {}, {}, "leaf", 6},
        {{"public.*"}, {}, {}, "leaf", 3},
        {{"*.a"}, {}, {}, "leaf", 2},
        {{"sales.\"b.a\"", "\"my.schema\".*"}, {}, {}, "leaf", 2},
        {{"*.*"}, {"*.a*", "\"my.schema\".\"A,\"\"c\""}, {}, "root", 2},
        {{"sales.part"}, {}, {}, "leaf", 1},
        {{"public.*"}, {"sales.part"}, {}, "leaf", 2},
        {{}, {}, {"pub.1"}, "leaf", 2},
        {{}, {}, {"plain"}, "leaf", 2},
        {{}, {"public.*"}, {"plain", "everything"}, "leaf", 3},
    };
    for (const Choice& choice : choices) {
        source_.include_tables = choice.include;
        source_.exclude_tables = choice.exclude;
        source_.publication_names = choice.publications;
        source_.partition = choice.partition;
        run("TRUNCATE public.a, public.ab, sales.\"b.a\", \"my.schema\".\"A,\"\"c\", sales.a, sales.part");
        run(insert_everywhere("1"));
        hand_over(insert_everywhere("2"));
        EXPECT_EQ(tables_of(stream_).size(), choice.tables) << ::testing::PrintToString(tables_of(stream_));
        EXPECT_THAT(tables_of(snapshot_), UnorderedElementsAreArray(tables_of(stream_)));
        if (HasFailure()) break;
    }
}

TEST_F(HandoverOnServer, every_option_of_the_configuration_is_one_the_plugin_takes) {
    run("CREATE TABLE public.users (id int8 PRIMARY KEY, ssn text, doc json);"
        "CREATE PUBLICATION pub FOR TABLE public.users;"
        "INSERT INTO public.users VALUES (1, '078-05-1120', '{\"a\":1}')");
    source_.cluster = "cluster A";
    source_.source_commit = "abc";
    source_.include_tables = {"public.*", "sales.orders"};
    source_.exclude_tables = {"public.tmp_*"};
    source_.publication_names = {"pub"};
    source_.masks = {"public.users.ssn:redact"};
    source_.messages = "all";
    source_.partition = "root";
    source_.int8 = "string";
    source_.json = "string";
    source_.origin = "none";
    source_.evidence = "literal";
    source_.max_value_bytes = 4096;
    source_.batch_bytes = 65536;
    hand_over("INSERT INTO public.users VALUES (2, '078-05-1120', '{}')");
    ASSERT_EQ(snapshot_.size(), 1u);
    EXPECT_THAT(snapshot_[0], ::testing::HasSubstr("pg://cluster%20A/" + name_ + "/public.users/PK:1"));
    EXPECT_THAT(snapshot_[0], ::testing::HasSubstr("sha256:abc@projection:p"));
    for (const auto& lines : {snapshot_, stream_}) {
        for (const std::string& line : lines)
            EXPECT_EQ(line.find("078-05-1120"), std::string::npos);
    }
    EXPECT_EQ(tables_of(stream_), tables_of(snapshot_));
}

}  // namespace
}  // namespace cdc::source
