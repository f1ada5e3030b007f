// The projection's tables: made, widened, and refused with the way out.
#include <gmock/gmock.h>

#include "sinks/postgres/sink_test.h"

namespace cdc::test {
namespace {

using projection::Session;
using ::testing::HasSubstr;
using ::testing::Not;

class Tables : public PostgresSinkTest {
  protected:
    // The columns that every projection has, for tables made by hand.
    static std::string envelope() {
        return "_source_id text NOT NULL, _evidence_id text, _commit_lsn pg_lsn, _seq bigint, "
               "_schema_version "
               "integer, _ts_source timestamptz, _deleted boolean NOT NULL DEFAULT false";
    }
    Status apply_one() { return apply({inserted("1", order("1", "5"))}); }
    Row schema_change(int version, const std::string& after) {
        Row row = make_row(Op::schema, "", "null", after);
        row.source_id = "pg://c/db/public.orders";
        row.key = "null";
        row.schema_version = version;
        row.extra = R"(,"ddl":{"tag":"ALTER TABLE","statement":null})";
        return row;
    }
};

TEST_F(Tables, ATableIsMadeWithTheSourcesKeyAndNullableColumns) {
    table_ = "mirror.{schema}_{table}";
    catalog_.tables["public.orders"][1] = define(
        {{"a", "integer"}, {"b", "character varying(10)"}, {"mood", "public.mood"}, {"n", "numeric(10,2)"}},
        2);
    start();
    Row row = inserted("1", R"({"a":1,"b":"x","mood":"sad","n":"1.50"})");
    row.key = R"({"a":1,"b":"x"})";
    ok(apply({row}));
    EXPECT_EQ(
        rows(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = "
            "'mirror.public_orders'::regclass AND attnum > 0 AND attname NOT LIKE '\\_%' ORDER BY attnum"),
        "a|integer|t\nb|character varying(10)|t\nmood|text|f\nn|numeric(10,2)|f\n");
    EXPECT_EQ(rows("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = "
                   "'mirror.public_orders'::regclass AND contype = 'p'"),
              "PRIMARY KEY (a, b)\n");
    EXPECT_EQ(rows("SELECT * FROM projection_table"),
              "shop|public|orders|mirror|public_orders|pg://c/db/public.orders|f|~\n");
}

TEST_F(Tables, ATableMadeByHandIsUsedAsItIs) {
    run("CREATE TYPE feeling AS ENUM ('sad')");
    run("CREATE TABLE orders (id int PRIMARY KEY, qty int, note text, doc jsonb, local text DEFAULT 'x', " +
        envelope() + ")");
    start();
    ok(apply_one());
    EXPECT_EQ(rows("SELECT id, local FROM orders"), "1|x\n");
}

struct Wrong {
    const char* columns;
    const char* says;
    const char* hint;
};

class WrongTables : public Tables, public ::testing::WithParamInterface<Wrong> {};

TEST_P(WrongTables, AreRefusedWithTheColumnAndTheWayOut) {
    run("CREATE TABLE orders (" + std::string(GetParam().columns) + ", " + envelope() + ")");
    start();
    const Status status = apply_one();
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), HasSubstr("public.orders"));
    EXPECT_THAT(status.message(), HasSubstr(GetParam().says));
    EXPECT_THAT(status.hint(), HasSubstr(GetParam().hint));
    sink_->close();
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "0\n");
    EXPECT_EQ(rows("SELECT end_lsn FROM projection_position"), "0/1000\n");
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongTables,
    ::testing::Values(
        Wrong{"id int PRIMARY KEY, qty int, note text", "column doc is missing", "ADD COLUMN doc jsonb"},
        Wrong{"id int PRIMARY KEY, qty text, note text, doc jsonb", "column qty is text, but integer",
              "ALTER COLUMN qty TYPE integer"},
        Wrong{"id int, qty int, note text, doc jsonb", "no primary key or unique index on (id)",
              "CREATE UNIQUE INDEX"},
        Wrong{"id int, qty int UNIQUE, note text, doc jsonb, UNIQUE (id, qty)",
              "no primary key or unique index on (id)", "CREATE UNIQUE INDEX"},
        Wrong{"id int PRIMARY KEY DEFERRABLE, qty int, note text, doc jsonb",
              "no primary key or unique index", "CREATE UNIQUE INDEX"},
        Wrong{"id int PRIMARY KEY, qty int NOT NULL, note text, doc jsonb", "column qty is NOT NULL",
              "ALTER COLUMN qty DROP NOT NULL"},
        Wrong{"id int PRIMARY KEY, qty int GENERATED ALWAYS AS (1) STORED, note text, doc jsonb",
              "column qty is generated", "DROP EXPRESSION"},
        Wrong{"id int PRIMARY KEY, qty int, note text, doc jsonb, mine int NOT NULL",
              "column mine is NOT NULL", "ALTER COLUMN mine DROP NOT NULL"}));

TEST_F(Tables, ATableWithoutTheEnvelopesColumnsIsRefused) {
    run("CREATE TABLE orders (id int PRIMARY KEY, qty int, note text, doc jsonb)");
    start();
    const Status status = apply_one();
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), HasSubstr("projection table public.orders: column _source_id is missing"));
    EXPECT_THAT(status.hint(), HasSubstr("ADD COLUMN _source_id text"));
}

TEST_F(Tables, AViewIsRefused) {
    run("CREATE VIEW orders AS SELECT 1 AS id");
    start();
    EXPECT_THAT(apply_one().message(), HasSubstr("not a table"));
}

TEST_F(Tables, ASourceColumnWithTheNameOfAnEnvelopeColumnIsRefused) {
    catalog_.tables["public.orders"][1] = define({{"id", "integer"}, {"_seq", "integer"}});
    start();
    const Status status = apply_one();
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), HasSubstr("column _seq of public.orders"));
}

TEST_F(Tables, AColumnThatTheSourceGainsIsAdded) {
    start();
    ok(apply_one());
    catalog_.tables["public.orders"][2] = define(
        {{"id", "integer"}, {"qty", "integer"}, {"note", "text"}, {"doc", "jsonb"}, {"extra", "bigint"}});
    Row row = inserted("2", R"({"id":2,"qty":1,"note":null,"doc":null,"extra":7})");
    row.schema_version = 2;
    ok(apply({updated("1", order("1", "6")), row}));
    EXPECT_EQ(rows("SELECT id, qty, extra, _schema_version FROM orders ORDER BY id"), "1|6|~|1\n2|1|7|2\n");
}

TEST_F(Tables, ASchemaEventAddsTheColumnBeforeAnyRow) {
    start();
    ok(apply_one());
    const int asked = catalog_.asked;
    ok(apply(
        {schema_change(2, R"({"columns":[{"name":"id","type":"integer","nullable":false,"position":1},)"
                          R"({"name":"extra","type":"bigint","nullable":true,"position":2}],"key":["id"],)"
                          R"("replica_identity":"default","fingerprint":"sha256:00"})")}));
    EXPECT_EQ(rows("SELECT id, qty, extra FROM orders"), "1|5|~\n") << "the dropped column keeps its values";
    Row row = updated("1", R"({"id":1,"extra":3})");
    row.schema_version = 2;
    ok(apply({row}));
    EXPECT_EQ(rows("SELECT id, qty, extra FROM orders"), "1|5|3\n");
    EXPECT_EQ(catalog_.asked, asked) << "the definition came with the event";
}

TEST_F(Tables, AKeyColumnThatWasRenamedIsRefusedWithTheWayOut) {
    start();
    ok(apply_one());
    catalog_.tables["public.orders"][2] = define({{"number", "integer"}, {"qty", "integer"}});
    Row row = inserted("2", R"({"number":2,"qty":1})");
    row.key = R"({"number":2})";
    row.schema_version = 2;
    const std::vector<SlicePtr> slices = next({row});
    const Status status = write(slices);
    EXPECT_THAT(status.hint(), HasSubstr("ALTER TABLE public.orders RENAME COLUMN"));
    sink_->close();
    run("ALTER TABLE orders RENAME COLUMN id TO number");
    start();
    ok(write(slices));
    EXPECT_EQ(rows("SELECT number FROM orders ORDER BY 1"), "1\n2\n");
}

TEST_F(Tables, ATypeThatChangesIsRefusedWithTheLineThatFollowsIt) {
    start();
    ok(apply_one());
    catalog_.tables["public.orders"][2] =
        define({{"id", "integer"}, {"qty", "bigint"}, {"note", "text"}, {"doc", "jsonb"}});
    Row row = updated("1", order("1", "5000000000"));
    row.schema_version = 2;
    const std::vector<SlicePtr> slices = next({row});
    const Status status = write(slices);
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), HasSubstr("column qty is integer, but bigint at the source"));
    EXPECT_THAT(status.hint(), HasSubstr("ALTER TABLE public.orders ALTER COLUMN qty TYPE bigint"));
    sink_->close();
    run("ALTER TABLE public.orders ALTER COLUMN qty TYPE bigint");
    start();
    ok(write(slices));
    EXPECT_EQ(rows("SELECT qty FROM orders"), "5000000000\n");
}

// As ALTER TABLE leaves it, with `type` for qty.
std::string retyped(const std::string& type) {
    return R"({"columns":[{"name":"id","type":"integer","nullable":false,"position":1},)"
           R"({"name":"qty","type":")" +
           type +
           R"(","nullable":true,"position":2}],"key":["id"],"replica_identity":"default","fingerprint":"sha256:)" +
           type + "\"}";
}

TEST_F(Tables, ANewTableIsThereBeforeItsFirstRowAndFollowsItsTypesUntilThen) {
    catalog_.ordinary.insert("public.orders");
    start();
    Row created = schema_change(1, retyped("integer"));
    ok(apply({created}));
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "0\n");
    ok(apply({schema_change(2, retyped("uuid"))}));
    EXPECT_EQ(
        rows("SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND "
             "attname = 'qty'"),
        "uuid\n");
    Row row = inserted("1", R"({"id":1,"qty":"00000000-0000-0000-0000-000000000001"})");
    row.schema_version = 2;
    ok(apply({row}));
    const Status status = apply({schema_change(3, retyped("text"))});
    EXPECT_EQ(status.code(), StatusCode::fatal) << "rows are never converted";
    EXPECT_THAT(status.hint(), HasSubstr("ALTER COLUMN qty TYPE text"));
}

TEST_F(Tables, WhatMayHaveNoRowsOfItsOwnGetsItsTableWithTheFirstOneAndNeedsNoLookUp) {
    catalog_.tables.clear();
    start();
    ok(apply({schema_change(1, retyped("integer"))}));
    EXPECT_EQ(rows("SELECT to_regclass('orders') IS NULL"), "t\n");
    ok(apply({inserted("1", R"({"id":1,"qty":5})")}));
    EXPECT_EQ(rows("SELECT id, qty FROM orders"), "1|5\n");
    EXPECT_EQ(catalog_.asked, 1) << "of what the stream has said itself";
}

TEST_F(Tables, ADroppedTableEndsItsRows) {
    start();
    ok(apply_one());
    ok(apply({schema_change(2, "null")}));
    EXPECT_EQ(rows("SELECT id, _deleted, _commit_lsn FROM orders"), "1|t|0/1200\n");
}

TEST_F(Tables, AColumnOfAnUnrecordedVersionIsLookedUp) {
    start();
    Row first = inserted("1", R"({"id":1,"qty":5,"note":null,"doc":null})");
    first.schema_version = 0;
    ok(apply({first}));
    catalog_.tables["public.orders"][2] = define(
        {{"id", "integer"}, {"qty", "integer"}, {"note", "text"}, {"doc", "jsonb"}, {"extra", "bigint"}});
    Row second = inserted("2", R"({"id":2,"qty":5,"note":null,"doc":null,"extra":9,"gone":1})");
    second.schema_version = 0;
    ok(apply({second}));
    EXPECT_EQ(rows("SELECT id, extra FROM orders ORDER BY id"), "1|~\n2|9\n");
    const int asked = catalog_.asked;
    ok(apply({second}));
    EXPECT_EQ(catalog_.asked, asked);
}

TEST_F(Tables, AnUnrecordedDefinitionComesWithItsEventAgainAndAgain) {
    start();
    ok(apply_one());
    const int asked = catalog_.asked;
    const auto definition = [](const std::string& column, const std::string& fingerprint) {
        return R"({"columns":[{"name":"id","type":"integer","nullable":false,"position":1},{"name":")" +
               column +
               R"(","type":"bigint","nullable":true,"position":2}],"key":["id"],)"
               R"("replica_identity":"default","fingerprint":"sha256:)" +
               fingerprint + "\"}";
    };
    Row row = inserted("2", R"({"id":2,"extra":3})");
    row.schema_version = 0;
    ok(apply({schema_change(0, definition("extra", "00")), row}));
    run("ALTER TABLE orders RENAME extra TO moved");
    row = inserted("3", R"({"id":3})");
    row.schema_version = 0;
    ok(apply({schema_change(0, definition("extra", "00"))}));
    EXPECT_EQ(
        rows("SELECT count(*) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'extra'"),
        "0\n")
        << "told again, the same definition asks the target nothing";
    ok(apply({schema_change(0, definition("other", "01")), row}));
    EXPECT_EQ(rows("SELECT id, moved, other FROM orders ORDER BY id"), "1|~|~\n2|3|~\n3|~|~\n");
    EXPECT_EQ(catalog_.asked, asked);
}

// Whoever runs for months sees definitions come and go.
TEST_F(Tables, DefinitionsThatWereReplacedAreLetGo) {
    start();
    auto session = Session::open(dsn_, "cdc test");
    ok(session.status());
    projection::Ledger ledger;
    ok(ledger.open(**session, "public", context_));
    const config::PostgresSink same = settings();
    projection::TableKeeper keeper(**session, same, context_, ledger.table_of_tables());
    ok(keeper.open());
    std::size_t most = 0;
    for (int version = 1; version <= 300; ++version) {
        const std::string fingerprint = "sha256:" + std::to_string(version);
        Row row = schema_change(0, "null");
        const SlicePtr slice = make_transaction({0x100}, {0x140}, {row})[0];
        TableDefinition definition = define({{"id", "integer"}, {"qty", "integer"}});
        definition.fingerprint = fingerprint;
        ok(keeper.prepare(slice->events[1], {}, definition).status());
        keeper.let_go();
        most = std::max(most, keeper.held());
        ASSERT_TRUE(keeper.is_as(slice->events[1], definition)) << "the newest is kept";
    }
    EXPECT_LE(most, 64u);
    EXPECT_EQ(keeper.made_ready(), 300u);
}

TEST_F(Tables, RowsGoOnWhileDefinitionsAreLetGo) {
    start();
    ok(apply_one());
    const auto definition = [](int version) {
        return R"({"columns":[{"name":"id","type":"integer","nullable":false,"position":1},{"name":"qty",)"
               R"("type":"integer","nullable":true,"position":2}],"key":["id"],"replica_identity":"default",)"
               R"("fingerprint":"sha256:)" +
               std::to_string(version) + "\"}";
    };
    std::vector<Row> changes;
    for (int version = 2; version <= 200; ++version) {
        changes.push_back(schema_change(version, definition(version)));
        Row row = updated("1", R"({"id":1,"qty":)" + std::to_string(version) + "}");
        row.schema_version = version;
        changes.push_back(row);
    }
    ok(apply(changes));
    EXPECT_EQ(rows("SELECT id, qty FROM orders"), "1|200\n");
}

TEST_F(Tables, TwoSourceTablesCannotShareATarget) {
    table_ = "mirror.{table}";
    catalog_.tables["other.orders"] = catalog_.tables["public.orders"];
    start();
    ok(apply_one());
    Row row = inserted("1", order("1", "1"));
    row.schema = "other";
    const Status status = apply({row});
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), HasSubstr("mirror.orders belongs to public.orders of projection shop"));
}

TEST_F(Tables, ATableThatWasDroppedIsNotMadeAgainInSilence) {
    start();
    ok(apply_one());
    sink_->close();
    run("DROP TABLE orders");
    start();
    const Status status = apply_one();
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), HasSubstr("projection table public.orders is gone"));
}

TEST_F(Tables, ANewNameForTheSameTableIsRefused) {
    start();
    ok(apply_one());
    table_ = "mirror.{table}";
    start();
    EXPECT_THAT(apply_one().message(),
                HasSubstr("is projected into public.orders, and would be into mirror.orders"));
}

TEST_F(Tables, AProjectionThatWouldFeedItselfIsRefused) {
    const std::string identifier = rows("SELECT system_identifier FROM pg_control_system()");
    context_.source = {identifier.substr(0, identifier.size() - 1), 1, database_};
    context_.captures = [](const std::string& schema, const std::string& table) {
        return schema == "public" && table == "orders";
    };
    start();
    const Status status = apply_one();
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), HasSubstr("public.orders is in the source database and captured"));
    EXPECT_THAT(status.hint(), HasSubstr("exclude_tables"));
    sink_->close();
    context_.captures = [](const std::string&, const std::string& table) {
        return table == "projection_position";
    };
    sink_ = std::make_unique<PostgresSink>(settings());
    EXPECT_THAT(sink_->open(context_).message(), HasSubstr("projection_position is in the source database"));
    context_.source.database = "elsewhere";
    ok(sink_->open(context_));
}

TEST_F(Tables, APlainRoleNeedsNoMoreThanItsTables) {
    run("CREATE TABLE orders (id int PRIMARY KEY, qty int, note text, doc jsonb, " + envelope() + ")");
    start();
    sink_->close();
    const std::string role = database_ + "_writer";
    run("CREATE ROLE " + role +
        " LOGIN; GRANT INSERT, UPDATE, DELETE, SELECT ON ALL TABLES IN SCHEMA public TO " + role);
    run("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    const std::string owner_dsn = dsn_;
    dsn_ += " user=" + role;
    start();
    ok(apply_one());
    EXPECT_EQ(orders(), "1|5|~|~|f\n");
    catalog_.tables["public.more"] = catalog_.tables["public.orders"];
    Row row = inserted("1", order("1", "1"));
    row.table = "more";
    const Status status = apply({row});
    EXPECT_EQ(status.code(), StatusCode::fatal) << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr("permission denied for schema public"));
    EXPECT_THAT(status.hint(), Not(HasSubstr("password")));
    sink_.reset();
    run("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

}  // namespace
}  // namespace cdc::test
