// Ranges of a snapshot on a real server: several readers, writes and DDL meanwhile.
#include <gmock/gmock.h>

#include <future>
#include <set>

#include "source/snapshot_test.h"

namespace cdc::source {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(SnapshotOnServer, ranges_of_pages_hold_every_row_once_whatever_is_written_meanwhile) {
    run("CREATE TABLE public.a (id int PRIMARY KEY, v text) WITH (autovacuum_enabled = off);"
        "INSERT INTO public.a SELECT g, repeat('x', g % 700) FROM generate_series(1, 20000) g;"
        "DELETE FROM public.a WHERE id BETWEEN 5000 AND 9000");
    run("VACUUM ANALYZE public.a");
    snapshot_.chunk_rows = 100;
    take_snapshot();
    SnapshotReader reader = open();
    run("UPDATE public.a SET v = v || 'later' WHERE id % 3 = 0;"
        "INSERT INTO public.a SELECT g, '' FROM generate_series(30000, 45000) g;"
        "DELETE FROM public.a WHERE id % 7 = 0");
    run("VACUUM public.a");
    auto lines = read_all(reader, 5000)["public.a"];
    EXPECT_EQ(lines.size(), 20000u - 4001u);
    EXPECT_EQ(std::set<std::string>(lines.begin(), lines.end()).size(), lines.size());
    for (const std::string& line : lines)
        ASSERT_THAT(line, Not(HasSubstr("later")));
}

TEST_F(SnapshotOnServer, readers_side_by_side_share_the_rows) {
    run("CREATE TABLE public.a (id int PRIMARY KEY, v text); CREATE TABLE public.b (id int);"
        "CREATE TABLE public.c (id int PRIMARY KEY);"
        "INSERT INTO public.a SELECT g, repeat('x', 100) FROM generate_series(1, 20000) g;"
        "INSERT INTO public.b SELECT generate_series(1, 5000)");
    snapshot_.chunk_rows = 500;
    SnapshotReader one = open();
    std::vector<SnapshotReader> readers;
    for (int i = 0; i < 2; ++i) {
        auto another = one.another();
        ASSERT_TRUE(another.ok()) << another.status().to_string();
        readers.push_back(std::move(*another));
    }
    readers.push_back(std::move(one));
    std::vector<std::future<std::vector<std::string>>> reads;
    for (SnapshotReader& reader : readers) {
        reads.push_back(std::async(std::launch::async, [&reader] {
            std::vector<std::string> lines;
            while (true) {
                auto rows = reader.next(20000);
                EXPECT_TRUE(rows.ok()) << rows.status().to_string();
                if (!rows.ok() || !rows->has_value()) return lines;
                std::istringstream text((*rows)->batch.bytes);
                for (std::string line; std::getline(text, line);)
                    lines.push_back(line);
            }
        }));
    }
    std::set<std::string> lines;
    std::set<std::string> times;
    std::size_t count = 0;
    std::size_t busy = 0;
    for (auto& read : reads) {
        const std::vector<std::string> part = read.get();
        busy += part.size() > 500;
        count += part.size();
        lines.insert(part.begin(), part.end());
    }
    EXPECT_EQ(count, 25000u);
    EXPECT_EQ(lines.size(), 25000u);
    EXPECT_GE(busy, 2u) << "one reader read it all";
    for (const std::string& line : lines)
        times.insert(line.substr(line.find("\"ts_source\""), 41));
    EXPECT_EQ(times.size(), 1u) << "one snapshot, one time";
    EXPECT_EQ(readers.front().progress().rows, 25000);
    EXPECT_EQ(readers.front().progress().tables_done, 3u);
}

TEST_F(SnapshotOnServer, columns_that_changed_meanwhile_begin_the_snapshot_again) {
    run("CREATE TABLE public.a (id int PRIMARY KEY, v text, w text); INSERT INTO public.a VALUES (1, 'a')");
    for (const char* ddl : {"ADD COLUMN note text", "DROP COLUMN w", "RENAME COLUMN v TO u"}) {
        slot_.reset();
        SnapshotReader reader = open();
        run(std::string("ALTER TABLE public.a ") + ddl);
        const Status status = failure_of(reader);
        EXPECT_EQ(status.code(), StatusCode::retry) << ddl;
        EXPECT_THAT(status.message(), HasSubstr("public.a has got other columns")) << ddl;
    }
    slot_.reset();
    SnapshotReader reader = open();
    run("ALTER TABLE public.a ALTER COLUMN u SET NOT NULL");
    EXPECT_THAT(read_all(reader, 1000)["public.a"],
                ElementsAre(HasSubstr(R"("after":{"id":1,"u":"a","note":null})")));
}

TEST_F(SnapshotOnServer, truncated_and_vacuumed_tables_are_not_taken_for_empty) {
    for (const char* rewrite :
         {"TRUNCATE public.a", "VACUUM FULL public.a", "CLUSTER public.a USING a_pkey"}) {
        run("CREATE TABLE public.a (id int PRIMARY KEY); INSERT INTO public.a VALUES (1)");
        slot_.reset();
        {
            SnapshotReader reader = open();
            run(rewrite);
            EXPECT_EQ(failure_of(reader).code(), StatusCode::retry) << rewrite;
        }
        run("DROP TABLE public.a");
    }
}

}  // namespace
}  // namespace cdc::source
