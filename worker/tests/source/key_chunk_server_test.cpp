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

}  // namespace
}  // namespace cdc::source
