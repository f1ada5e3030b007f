// Chunks of a table on a real server.
#include "source/key_chunk.h"

#include <gmock/gmock.h>

#include <set>

#include "source/source_connection.h"
#include "source/source_test.h"

namespace cdc::source {
namespace {

using std::chrono::milliseconds;

class KeyChunkOnServer : public SourceTest {
  protected:
    Result<ReadChunk> read(const ChunkRequest& request) {
        source_.projection = "p";
        auto sql = open_source_connection(dsn_, "cdc test", pq::Mode::sql);
        if (!sql.ok()) return sql.status();
        const auto table = describe_table(*sql, source_, "public", "a");
        if (!table.ok()) return table.status();
        return read_chunk(*sql, source_, *table, request, {});
    }
    config::Source source_;
};

TEST_F(KeyChunkOnServer, one_that_takes_too_long_ends_after_what_has_come) {
    run("CREATE TABLE public.a (id int PRIMARY KEY, v text);"
        "INSERT INTO public.a SELECT g, repeat('x', 3000) FROM generate_series(1, 5000) g");
    ChunkRequest request;
    request.condition = "pg_sleep(0.01) IS NOT NULL";  // 50 s for all of them
    request.max_time = milliseconds(300);
    std::set<std::string> seen;
    for (int chunk = 0; chunk < 2; ++chunk) {
        const auto read = this->read(request);
        ASSERT_TRUE(read.ok()) << read.status().to_string();
        EXPECT_FALSE(read->end);
        EXPECT_LT(read->chunk.rows.size(), 4000u);
        for (const auto& row : read->chunk.rows)
            EXPECT_TRUE(seen.insert(std::string(row.key)).second) << row.key;
        ASSERT_FALSE(read->chunk.rows.empty());
        EXPECT_EQ(read->last, read->chunk.rows.back().key);
        request.after = read->last;
    }
    EXPECT_TRUE(seen.contains("[\"1\"]")) << *seen.begin();
}

TEST_F(KeyChunkOnServer, without_a_limit_it_has_all_the_rows) {
    run("CREATE TABLE public.a (id int PRIMARY KEY); INSERT INTO public.a SELECT generate_series(1, 30)");
    ChunkRequest request;
    request.condition = "pg_sleep(0.01) IS NOT NULL";
    const auto read = this->read(request);
    ASSERT_TRUE(read.ok()) << read.status().to_string();
    EXPECT_TRUE(read->end);
    EXPECT_EQ(read->chunk.rows.size(), 30u);
}

// What a first snapshot has delivered: all that was in the table's first page before this transaction.
TEST_F(KeyChunkOnServer, rows_that_were_delivered_and_are_as_they_were_do_not_come) {
    run("CREATE TABLE public.a (id int PRIMARY KEY, v int); INSERT INTO public.a SELECT g, 0 FROM "
        "generate_series(1, 1000) g");
    const auto number = [&](const std::string& sql) { return std::stoll(value(sql)); };
    ChunkRequest request;
    request.delivered.emplace();
    request.delivered->filenode = number("SELECT pg_relation_filenode('public.a')");
    request.delivered->xmin = static_cast<std::uint64_t>(number("SELECT pg_current_xact_id()"));
    request.delivered->pages.add(0, 1);
    run("UPDATE public.a SET v = 1 WHERE id IN (3, 1000)");  // into the last page
    run("DELETE FROM public.a WHERE id = 4");
    run("VACUUM public.a");
    run("INSERT INTO public.a VALUES (-1, 2)");  // perhaps into the first one
    const auto in_page = number("SELECT count(*) FROM public.a WHERE ctid < '(1,0)' AND id > 0 AND v = 0");
    const auto read = this->read(request);
    ASSERT_TRUE(read.ok()) << read.status().to_string();
    EXPECT_TRUE(read->end);
    ASSERT_GT(in_page, 100);
    EXPECT_EQ(read->chunk.rows.size(), 1000u - static_cast<std::size_t>(in_page));
    std::set<std::string> keys;
    for (const auto& row : read->chunk.rows)
        keys.insert(row.key);
    EXPECT_TRUE(keys.contains("[\"-1\"]") && keys.contains("[\"3\"]") && keys.contains("[\"1000\"]"));

    request.again = {"[\"1\"]"};
    EXPECT_EQ(this->read(request)->chunk.rows.size(), read->chunk.rows.size() + 1)
        << "what is to be read again comes all the same";
    request.again.clear();
    run("VACUUM FULL public.a");
    EXPECT_EQ(this->read(request)->chunk.rows.size(), 1000u) << "in another file nothing is known";
}

}  // namespace
}  // namespace cdc::source
