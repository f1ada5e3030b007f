// What stands in the projection already, from another row or another time, does not live on in the new.
#include <gmock/gmock.h>

#include "sinks/postgres/sink_test.h"

namespace cdc::test {
namespace {

class OldRows : public PostgresSinkTest {};

// What stands under a new row's key is a tombstone, whose values are another row's.
TEST_F(OldRows, AnOversizeColumnOfANewRowIsNull) {
    start();
    ok(apply({inserted("1", order("1", "5", R"("old")")), inserted("2", order("2", "5", R"("old")"))}));
    ok(apply({deleted("1")}));
    Row row = inserted("1", R"({"id":1,"qty":6,"doc":null})");
    row.extra = R"(,"oversize":["note"])";
    Row in_one_set = inserted("2", R"({"id":2,"qty":6,"doc":null})");
    in_one_set.extra = R"(,"oversize":["note"])";
    ok(apply({row, deleted("2"), in_one_set, inserted("3", order("3", "7", R"("set")"))}));
    EXPECT_EQ(orders(), "1|6|~|~|f\n2|6|~|~|f\n3|7|set|~|f\n");
}

// The rows before were written while the pipeline's `cluster` had another value.
TEST_F(OldRows, TruncateEndsTheRowsOfAnEarlierClusterNameToo) {
    for (const config::Deletes deletes : {config::Deletes::tombstone, config::Deletes::remove}) {
        deletes_ = deletes;
        start();
        ok(apply({inserted("1", order("1", "5")), inserted("2", order("2", "5"))}));
        Row truncate = truncated();
        truncate.source_id = "pg://renamed/db/public.orders";
        Row after = inserted("2", order("2", "9"));
        after.source_id = "pg://renamed/db/public.orders/PK:2";
        ok(apply({truncate, after}));
        EXPECT_EQ(rows("SELECT id, qty, _source_id FROM orders WHERE NOT _deleted"),
                  "2|9|pg://renamed/db/public.orders/PK:2\n");
    }
}

TEST_F(OldRows, KeysThatACollationMakesEqualAreOneRow) {
    catalog_.tables["public.orders"][1].columns[0].type = "text";
    run("CREATE COLLATION careless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
    run("CREATE TABLE orders (id text COLLATE careless PRIMARY KEY, qty int, note text, doc jsonb, "
        "_source_id "
        "text NOT NULL, _evidence_id text, _commit_lsn pg_lsn, _seq bigint, _schema_version integer, "
        "_ts_source timestamptz, _deleted boolean NOT NULL DEFAULT false)");
    start();
    const auto with = [](Op op, const char* id, const char* qty) {
        Row row = make_row(op, id, "null", order("\"" + std::string(id) + "\"", qty));
        row.key = R"({"id":")" + std::string(id) + "\"}";
        return row;
    };
    ok(apply({with(Op::insert, "a", "1"), with(Op::update, "A", "2"), with(Op::insert, "b", "3")}));
    EXPECT_EQ(rows("SELECT qty FROM orders ORDER BY id"), "2\n3\n");
}

}  // namespace
}  // namespace cdc::test
