// What each kind of change does to the projection, on a real server.
#include <gmock/gmock.h>

#include "sinks/postgres/row_identity.h"
#include "sinks/postgres/sink_test.h"

namespace cdc::test {
namespace {

using ::testing::HasSubstr;

class Changes : public PostgresSinkTest {};

TEST_F(Changes, AnInsertCarriesTheColumnsAndTheEnvelope) {
    start();
    ok(apply({inserted("1", order("1", "5", R"("it's \"q\" \\ \u0041")", R"({"a":[1,2]})"))}));
    EXPECT_EQ(orders(), "1|5|it's \"q\" \\ A|{\"a\": [1, 2]}|f\n");
    EXPECT_EQ(
        rows("SELECT _source_id, _evidence_id, _commit_lsn, _seq, _schema_version, _ts_source AT TIME ZONE "
             "'UTC' FROM orders"),
        "pg://c/db/public.orders/PK:1|sha256:"
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08|0/1100|0|1|2026-02-07 "
        "05:55:21.123456\n");
}

TEST_F(Changes, AnUpdateReplacesTheRow) {
    start();
    ok(apply({inserted("1", order("1", "5")), inserted("2", order("2", "6"))}));
    ok(apply({updated("1", order("1", "7", R"("new")"))}));
    EXPECT_EQ(orders(), "1|7|new|~|f\n2|6|~|~|f\n");
    EXPECT_EQ(rows("SELECT id, _commit_lsn FROM orders ORDER BY id"), "1|0/1200\n2|0/1100\n");
}

TEST_F(Changes, ADeleteLeavesATombstoneThatKeepsTheColumns) {
    start();
    ok(apply({inserted("1", order("1", "5", R"("keep")"))}));
    ok(apply({deleted("1")}));
    EXPECT_EQ(orders(), "1|5|keep|~|t\n");
    EXPECT_EQ(rows("SELECT _commit_lsn FROM orders"), "0/1200\n");
}

TEST_F(Changes, ADeleteOfAnUnknownRowIsATombstoneToo) {
    start();
    ok(apply({deleted("9")}));
    EXPECT_EQ(orders(), "9|~|~|~|t\n");
}

TEST_F(Changes, ADeleteRemovesTheRowWhereConfigured) {
    deletes_ = config::Deletes::remove;
    start();
    ok(apply({inserted("1", order("1", "5")), inserted("2", order("2", "6"))}));
    ok(apply({deleted("1"), deleted("7")}));
    EXPECT_EQ(orders(), "2|6|~|~|f\n");
}

TEST_F(Changes, AnInsertAfterADeleteClearsTheTombstone) {
    start();
    ok(apply({inserted("1", order("1", "5", R"("old")"))}));
    ok(apply({deleted("1")}));
    ok(apply({inserted("1", order("1", "8"))}));
    EXPECT_EQ(orders(), "1|8|~|~|f\n");
}

TEST_F(Changes, ManyChangesOfOneRowInOneTransactionLeaveTheLast) {
    for (const config::Deletes deletes : {config::Deletes::tombstone, config::Deletes::remove}) {
        deletes_ = deletes;
        start();
        ok(apply({inserted("9", order("9", "1")), updated("9", order("9", "2")), deleted("9"),
                  inserted("9", order("9", "3")), updated("9", order("9", "4")),
                  updated("9", order("9", "5"))}));
        EXPECT_EQ(orders(), "9|5|~|~|f\n");
        ok(apply({updated("9", order("9", "6")), deleted("9")}));
        EXPECT_EQ(rows("SELECT count(*) FROM orders WHERE NOT _deleted"), "0\n");
    }
}

TEST_F(Changes, TruncateEndsEveryRowAndWhatComesAfterLives) {
    start();
    ok(apply({inserted("1", order("1", "5")), inserted("2", order("2", "5"))}));
    ok(apply({inserted("3", order("3", "5")), truncated(), inserted("2", order("2", "9"))}));
    EXPECT_EQ(orders(), "1|5|~|~|t\n2|9|~|~|f\n3|5|~|~|t\n");
}

TEST_F(Changes, TruncateRemovesTheRowsWhereConfigured) {
    deletes_ = config::Deletes::remove;
    start();
    ok(apply({inserted("1", order("1", "5"))}));
    ok(apply({truncated(), inserted("2", order("2", "9"))}));
    EXPECT_EQ(orders(), "2|9|~|~|f\n");
}

TEST_F(Changes, AnUnchangedToastColumnKeepsItsStoredValue) {
    start();
    ok(apply({inserted("1", order("1", "5", R"("long")", R"({"big":1})")),
              inserted("2", order("2", "5", R"("other")"))}));
    Row row = updated("1", R"({"id":1,"qty":6})");
    row.extra = R"(,"unchanged":["note","doc"])";
    ok(apply({row, updated("2", order("2", "7", R"("set")"))}));
    EXPECT_EQ(orders(), "1|6|long|{\"big\": 1}|f\n2|7|set|~|f\n");
}

TEST_F(Changes, AnOversizeColumnKeepsItsStoredValue) {
    start();
    ok(apply({inserted("1", order("1", "5", R"("short")"))}));
    Row row = updated("1", R"({"id":1,"qty":6,"doc":null})");
    row.extra = R"(,"oversize":["note"])";
    ok(apply({row}));
    EXPECT_EQ(orders(), "1|6|short|~|f\n");
}

TEST_F(Changes, AColumnWhoseOldValueAloneIsOversizeIsWritten) {
    start();
    ok(apply({inserted("1", order("1", "5", R"("short")"))}));
    Row row = make_row(Op::update, "1", R"({"id":1,"qty":5,"doc":null})", order("1", "6", R"("new")"));
    row.extra = R"(,"oversize":["note"])";
    ok(apply({row}));
    EXPECT_EQ(orders(), "1|6|new|~|f\n");
}

TEST_F(Changes, AHashedColumnIsText) {
    context_.hashed = [](const std::string& schema, const std::string& table, const std::string& column) {
        return schema == "public" && table == "orders" && column == "qty";
    };
    start();
    ok(apply({inserted("1", order("1", R"("sha256:00ff")"))}));
    EXPECT_EQ(orders(), "1|sha256:00ff|~|~|f\n");
}

TEST_F(Changes, AKeyThatChangesMovesTheRowWithWhatTheWalLacks) {
    start();
    ok(apply({inserted("5", order("5", "1", R"("long")"))}));
    Row row = moved("5", "50", R"({"id":50,"qty":2,"doc":null})");
    row.extra = R"(,"unchanged":["note"])";
    ok(apply({row}));
    EXPECT_EQ(orders(), "50|2|long|~|f\n");
    EXPECT_EQ(rows("SELECT _source_id FROM orders"), "pg://c/db/public.orders/PK:50\n");
}

TEST_F(Changes, AKeyMovesOverATombstone) {
    start();
    ok(apply({inserted("1", order("1", "1", R"("one")")), inserted("2", order("2", "2", R"("two")"))}));
    ok(apply({deleted("2")}));
    Row row = moved("1", "2", R"({"id":2,"qty":9,"doc":null})");
    row.extra = R"(,"unchanged":["note"])";
    ok(apply({row}));
    EXPECT_EQ(orders(), "2|9|one|~|f\n");
}

TEST_F(Changes, KeysChangePlacesInOneTransaction) {
    start();
    ok(apply({inserted("1", order("1", "1", R"("one")")), inserted("2", order("2", "2", R"("two")"))}));
    const auto step = [](const char* from, const char* to) {
        Row row = moved(from, to, std::string(R"({"id":)") + to + R"(,"qty":0,"doc":null})");
        row.extra = R"(,"unchanged":["note"])";
        return row;
    };
    ok(apply({step("1", "-1"), step("2", "1"), step("-1", "2")}));
    EXPECT_EQ(orders(), "1|0|two|~|f\n2|0|one|~|f\n");
}

TEST_F(Changes, AKeyThatMovesFromAnUnknownRowMakesTheNew) {
    start();
    ok(apply({moved("1", "2", order("2", "3"))}));
    EXPECT_EQ(orders(), "2|3|~|~|f\n");
}

TEST_F(Changes, AJsonNullIsNotAnSqlNull) {
    catalog_.tables["public.orders"][1].columns[2].type = "json";
    start();
    Row first = inserted("1", order("1", "1", "null", "null"));
    first.extra = R"(,"json_null":["after.doc"])";
    Row second = inserted("2", order("2", "1", "null", "null"));
    Row third = inserted("3", order("3", "1", R"({"z":1.50,"a":"\u0000"})", R"("text")"));
    ok(apply({first, second, third}));
    EXPECT_EQ(orders(), "1|1|~|null|f\n2|1|~|~|f\n3|1|{\"z\":1.50,\"a\":\"\\u0000\"}|\"text\"|f\n");
}

TEST_F(Changes, AKeyThatIsAJsonNullIsDeleted) {
    catalog_.tables["public.orders"][1].columns[0].type = "jsonb";
    start();
    Row first = inserted("null", order("null", "1"));
    first.extra = R"(,"json_null":["after.id"])";
    Row second = deleted("null");
    second.extra = R"(,"json_null":["before.id"])";
    ok(apply({first}));
    ok(apply({second}));
    EXPECT_EQ(rows("SELECT id, _deleted FROM orders"), "null|t\n");
}

TEST_F(Changes, JsonThatComesAsStringsIsTheSameDocument) {
    context_.json_as_string = true;
    start();
    ok(apply({inserted("1", order("1", "1", "null", R"("{\"a\": 1}")")),
              inserted("2", order("2", "1", "null", R"("null")")), inserted("3", order("3", "1"))}));
    EXPECT_EQ(orders(), "1|1|~|{\"a\": 1}|f\n2|1|~|null|f\n3|1|~|~|f\n");
}

TEST_F(Changes, EveryTypeComesBackAsItWas) {
    catalog_.tables["public.kinds"][1] = define({{"id", "uuid"},
                                                 {"n", "numeric(10,2)"},
                                                 {"f", "double precision"},
                                                 {"b", "bytea"},
                                                 {"ts", "timestamp with time zone"},
                                                 {"i", "interval"},
                                                 {"a", "integer[]"},
                                                 {"r", "int4range"},
                                                 {"c", "character(4)"},
                                                 {"m", "money"},
                                                 {"t", "text[]"},
                                                 {"big", "bigint"},
                                                 {"mood", "public.mood"}});
    start();
    Row row = inserted(
        "x",
        R"j({"id":"00000000-0000-0000-0000-000000000001","n":"1.50","f":"NaN","b":"\\x00ff","ts":"0044-03-15T00:00:00.000000Z BC","i":"P1M-2DT1.5S","a":[[1,2],[3,null]],"r":"[1,5)")j"
        R"j(,"c":"ab  ","m":"12.30","t":["null","a\"b",null],"big":9223372036854775807,"mood":"sad"})j");
    row.table = "kinds";
    row.key = R"({"id":"00000000-0000-0000-0000-000000000001"})";
    ok(apply({row}));
    EXPECT_EQ(
        rows("SET timezone = 'UTC'; SET lc_monetary = 'C'; SELECT id, n, f, b, ts, i, a, r, c, m, t, big, "
             "mood, "
             "pg_typeof(mood) FROM kinds"),
        "00000000-0000-0000-0000-000000000001|1.50|NaN|\\x00ff|0044-03-15 00:00:00+00 BC|1 mon -2 days "
        "+00:00:01.5|{{1,2},{3,NULL}}|[1,5)|ab  |$12.30|{\"null\",\"a\\\"b\",NULL}|9223372036854775807|sad|"
        "text\n");
}

TEST_F(Changes, KeysThatAreEqualInOtherBytesAreOneRow) {
    catalog_.tables["public.orders"][1].columns[0].type = "numeric";
    start();
    const auto with = [](Op op, const char* id, const char* qty) {
        Row row = make_row(op, id, "null", order("\"" + std::string(id) + "\"", qty));
        row.key = R"({"id":")" + std::string(id) + "\"}";
        return row;
    };
    ok(apply({with(Op::insert, "1.0", "1"), with(Op::update, "1.00", "2"), with(Op::insert, "2", "3")}));
    EXPECT_EQ(rows("SELECT id, qty FROM orders ORDER BY id"), "1.00|2\n2|3\n");
    Row gone = deleted("");
    gone.key = R"({"id":"2"})";
    ok(apply({gone, with(Op::insert, "2.0", "4")}));
    EXPECT_EQ(rows("SELECT id, qty FROM orders ORDER BY id"), "1.00|2\n2.0|4\n") << "in the source's bytes";
}

TEST_F(Changes, HostileIdentifiersStayIdentifiers) {
    const std::string table = R"(we"ird;-- {table} ' $1 \\)";
    const std::string column = R"(a"b';DROP TABLE x;--)";
    table_ = "{schema}.{table}";
    TableDefinition definition = define({{"select", "integer"}, {column, "text"}, {"ünï", "text"}});
    catalog_.tables[R"(odd "schema".)" + std::string(R"(we"ird;-- {table} ' $1 \)")][1] = definition;
    start();
    Row row =
        make_row(Op::insert, "1", "null", R"({"select":1,"a\"b';DROP TABLE x;--":"'); --","ünï":"$1"})");
    row.schema = R"(odd \"schema\")";
    row.table = R"(we\"ird;-- {table} ' $1 \\)";
    row.source_id = "pg://c/db/odd.weird/PK:1";
    row.key = R"({"select":1})";
    ok(apply({row}));
    EXPECT_EQ(
        rows(
            R"(SELECT "select", "a""b';DROP TABLE x;--", "ünï" FROM "odd ""schema"""."we""ird;-- {table} ' $1 \")"),
        "1|'); --|$1\n");
}

TEST_F(Changes, ATransactionOfManySlicesIsOneTransaction) {
    start();
    std::vector<Row> many;
    for (int i = 0; i < 5000; ++i)
        many.push_back(inserted(std::to_string(i), order(std::to_string(i), "1")));
    const std::vector<SlicePtr> slices = next(many, 7);
    for (std::size_t i = 0; i + 1 < slices.size(); ++i)
        ok(sink_->write(slices[i]));
    ok(sink_->flush(std::chrono::seconds(20)));
    EXPECT_EQ(rows("SELECT to_regclass('public.orders')"), "~\n") << "nothing is seen before the end";
    EXPECT_EQ(sink_->durable_lsn(), Lsn{0x1000});
    ok(write({slices.back()}));
    EXPECT_EQ(rows("SELECT count(*), count(DISTINCT xmin::text) FROM orders"), "5000|1\n");
    EXPECT_EQ(sink_->durable_lsn(), Lsn{0x1140});
}

// A change of a table without a key, under the identity of its new image, or its old one for a delete.
Row plain(Op op, std::string before, std::string after) {
    Row row = make_row(op, "", std::move(before), std::move(after));
    row.table = "plain";
    row.key = "null";
    row.source_id =
        projection::row_identity("pg://c/db/public.plain/x", op == Op::remove ? row.before : row.after);
    return row;
}

TEST_F(Changes, ATableWithoutAKeyTakesDuplicatesAndChangesOneRowEach) {
    catalog_.tables["public.plain"][1] = define({{"v", "text"}, {"n", "integer"}}, 0);
    start();
    const std::string a1 = R"({"v":"a","n":1})";
    const std::string a2 = R"({"v":"a","n":2})";
    const std::string b = R"({"v":"b","n":null})";
    const std::string all = "SELECT v, n, _deleted FROM plain ORDER BY v, n, _deleted";
    ok(apply({plain(Op::insert, "null", a1), plain(Op::insert, "null", a1), plain(Op::insert, "null", b)}));
    EXPECT_EQ(rows(all), "a|1|f\na|1|f\nb|~|f\n");
    ok(apply({plain(Op::update, a1, a2), plain(Op::remove, a1, "null")}));
    EXPECT_EQ(rows(all), "a|1|t\na|2|f\nb|~|f\n");
    ok(apply({plain(Op::update, a2, R"({"v":"a","n":3})")}));
    EXPECT_EQ(rows(all), "a|1|t\na|3|f\nb|~|f\n") << "an update leaves the identity of the new image";
    deletes_ = config::Deletes::remove;
    start();
    ok(apply({plain(Op::remove, b, "null")}));
    EXPECT_EQ(rows(all), "a|1|t\na|3|f\n");
}

TEST_F(Changes, ARowWithoutAKeyIsFoundByItsColumnsAfterOneWasAdded) {
    catalog_.tables["public.plain"][1] = define({{"v", "text"}, {"j", "jsonb"}}, 0);
    catalog_.tables["public.plain"][2] = define({{"v", "text"}, {"j", "jsonb"}, {"n", "integer"}}, 0);
    start();
    ok(apply({plain(Op::insert, "null", R"({"v":"a","j":{"x":1}})"),
              plain(Op::insert, "null", R"({"v":"b","j":{"x":1}})")}));
    Row update = plain(Op::update, R"({"v":"b","j":{"x":1},"n":null})", R"({"v":"b","j":{"x":1},"n":5})");
    update.schema_version = 2;
    ok(apply({update}));
    EXPECT_EQ(rows("SELECT v, n FROM plain ORDER BY v"), "a|~\nb|5\n");
}

TEST_F(Changes, ARowWithoutAKeyThatIsNotThereIsRejected) {
    catalog_.tables["public.plain"][1] = define({{"v", "text"}, {"n", "integer"}}, 0);
    start();
    const Status status = apply({plain(Op::remove, R"({"v":"nobody","n":0})", "null")});
    EXPECT_EQ(status.code(), StatusCode::reject);
    EXPECT_THAT(status.message(), HasSubstr("no row of the projection has the old image"));
    EXPECT_THAT(status.message(), HasSubstr("public.plain"));
}

TEST_F(Changes, AnEventThatCannotFindItsRowIsRejected) {
    catalog_.tables["public.plain"][1] = define({{"v", "text"}}, 0);
    start();
    Row row = make_row(Op::update, "", "null", R"({"v":"x"})");
    row.table = "plain";
    row.key = "null";
    row.source_id = "pg://c/db/public.plain/ROW:ff";
    const Status status = apply({row});
    EXPECT_EQ(status.code(), StatusCode::reject);
    EXPECT_THAT(status.hint(), HasSubstr("REPLICA IDENTITY FULL"));
    EXPECT_EQ(rows("SELECT count(*) FROM projection_ledger"), "0\n");
}

TEST_F(Changes, ARowThatTheTargetRefusesIsNamedAndNothingOfItsTransactionStays) {
    start();
    ok(apply({inserted("1", order("1", "1"))}));
    Row bad = inserted("3", order("3", R"("many")"));
    const Status status = apply({inserted("2", order("2", "1")), bad, inserted("4", order("4", "1"))});
    EXPECT_EQ(status.code(), StatusCode::reject) << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr("PK:3,"));
    EXPECT_THAT(status.message(), HasSubstr("commit_lsn 0/1200, seq 1"));
    sink_->close();
    EXPECT_EQ(orders(), "1|1|~|~|f\n");
    EXPECT_EQ(rows("SELECT end_lsn FROM projection_position"), "0/1140\n");
}

TEST_F(Changes, NothingBehindAFailedTransactionIsApplied) {
    start();
    ok(apply({inserted("1", order("1", "1"))}));
    const std::vector<SlicePtr> bad = next({inserted("2", order("2", R"("many")"))});
    const std::vector<SlicePtr> good = next({inserted("3", order("3", "1"))});
    Status status = sink_->write(bad[0]);
    if (status.ok()) status = sink_->write(good[0]);
    if (status.ok()) status = sink_->flush(std::chrono::seconds(20));
    EXPECT_EQ(status.code(), StatusCode::reject);
    EXPECT_FALSE(sink_->flush(std::chrono::seconds(1)).ok()) << "the failure stays";
    sink_->close();
    EXPECT_EQ(orders(), "1|1|~|~|f\n");
}

TEST_F(Changes, MessagesChangeNothingButThePositionMoves) {
    start();
    Row message = make_row(Op::message, "", "null", "null");
    message.source_id = "pg://c/db/MESSAGE/x";
    message.key = "null";
    message.schema_version = 0;
    message.extra = R"(,"message":{"prefix":"x","transactional":true,"content":"hi"})";
    ok(apply({message}));
    EXPECT_EQ(sink_->durable_lsn(), Lsn{0x1140});
    EXPECT_EQ(rows("SELECT count(*) FROM projection_ledger"), "0\n");
}

TEST_F(Changes, ATransactionThatLostEventsIsRefused) {
    start();
    std::vector<SlicePtr> slices = next({inserted("1", order("1", "1")), inserted("2", order("2", "1"))}, 4);
    slices.erase(slices.begin() + 2);
    const Status status = write(slices);
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), HasSubstr("ended with 2 events, but 1 were received"));
    sink_->close();
    EXPECT_EQ(rows("SELECT count(*) FROM pg_class WHERE relname = 'orders'"), "0\n") << "not a part of it";
    EXPECT_EQ(rows("SELECT end_lsn FROM projection_position"), "0/1000\n");
}

}  // namespace
}  // namespace cdc::test
