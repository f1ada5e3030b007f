// The SQL of each action, whole: what is quoted, what is cast, what stays.
#include "sinks/postgres/statements.h"

#include <gmock/gmock.h>

namespace cdc::projection {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ProjectionTable orders() {
    ProjectionTable table;
    table.quoted = "\"s\".\"or\"\"ders\"";
    table.columns = {
        {"id", "\"id\"", "integer"}, {"k\"", "\"k\"\"\"", "text"}, {"doc", "\"doc\"", "jsonb", true}};
    table.key = {0, 1};
    return table;
}

TEST(Statements, UpsertSetsEveryColumnButTheKey) {
    EXPECT_EQ(
        statement_sql(orders(), Action::upsert, {}),
        R"(INSERT INTO "s"."or""ders" ("id", "k""", "doc", "_source_id", "_evidence_id", "_commit_lsn", "_seq", )"
        R"("_schema_version", "_ts_source", "_deleted") SELECT x."id"::integer, x."k"""::text, x."doc"::jsonb, )"
        R"(x."_source_id", $1::text, ($3::pg_lsn[])[abs(x."_origin")], x."_seq", $2::integer, )"
        R"(($4::timestamptz[])[abs(x."_origin")], x."_origin" < 0 FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], )"
        R"($9::bigint[], $10::integer[]) AS x("id", "k""", "doc", "_source_id", "_seq", "_origin") )"
        R"(ON CONFLICT ("id", "k""") DO UPDATE SET "doc" = EXCLUDED."doc", "_source_id" = )"
        R"(EXCLUDED."_source_id", "_evidence_id" = EXCLUDED."_evidence_id", "_commit_lsn" = )"
        R"(EXCLUDED."_commit_lsn", "_seq" = EXCLUDED."_seq", "_schema_version" = EXCLUDED."_schema_version", )"
        R"("_ts_source" = EXCLUDED."_ts_source", "_deleted" = EXCLUDED."_deleted")");
}

TEST(Statements, NestedValuesAreReadFromJson) {
    ProjectionTable table = orders();
    table.as_arrays = false;
    EXPECT_THAT(statement_sql(table, Action::upsert, {}),
                HasSubstr(R"(x."doc"::jsonb, x."_source_id", $1::text, ($3::pg_lsn[])[abs(x."_origin")], )"));
    EXPECT_THAT(statement_sql(table, Action::upsert, {}),
                HasSubstr(R"(FROM json_to_recordset($5::json) AS x("id" integer, "k""" text, "doc" text, )"
                          R"("_source_id" text, "_seq" bigint, "_origin" integer))"));
}

TEST(Statements, ATypeOfTheUsersIsReadByItsOwnInput) {
    ProjectionTable table = orders();
    table.columns[2] = {"mood", "\"mood\"", "public.mood", false, ColumnFrom::literal};
    const std::string sql = statement_sql(table, Action::upsert, {});
    EXPECT_THAT(sql, HasSubstr(R"(x."mood", x."_source_id")"));
    EXPECT_THAT(sql, HasSubstr("$7::public.mood[]"));
}

TEST(Statements, AnOmittedColumnIsNowhere) {
    EXPECT_THAT(statement_sql(orders(), Action::upsert, {2}), Not(HasSubstr("doc")));
}

TEST(Statements, ATombstoneHasTheKeyOnly) {
    const std::string sql = statement_sql(orders(), Action::tombstone, {});
    EXPECT_THAT(sql, Not(HasSubstr("doc")));
    EXPECT_THAT(sql, HasSubstr(R"(($4::timestamptz[])[abs(x."_origin")], true FROM)"));
}

TEST(Statements, ADeleteFindsByTheWholeKey) {
    EXPECT_EQ(statement_sql(orders(), Action::remove, {}),
              R"(DELETE FROM "s"."or""ders" AS t USING unnest($1::text[], $2::text[]) AS x("id", "k""") )"
              R"(WHERE t."id" = x."id"::integer AND t."k""" = x."k"""::text)");
    EXPECT_THAT(statement_sql(orders(), Action::clear_key, {}), HasSubstr(R"( AND t."_deleted")"));
}

TEST(Statements, AMoveSetsTheKeyAndNothingElse) {
    const std::string sql = statement_sql(orders(), Action::move_key, {});
    EXPECT_THAT(sql, HasSubstr(R"(SET "id" = n."id", "k""" = n."k""" FROM)"));
    EXPECT_THAT(sql, HasSubstr(R"(WHERE t."id" = o."id" AND t."k""" = o."k""")"));
}

TEST(Statements, ChangesByOldImageFailWhereTheyChangeNothing) {
    ProjectionTable plain = orders();
    plain.key.clear();
    for (const Action action : {Action::replace_one, Action::tombstone_one, Action::remove_one}) {
        const std::string sql = statement_sql(plain, action, {});
        EXPECT_THAT(sql, HasSubstr("RETURNING 1) SELECT 1 / count(*) FROM changed"));
        EXPECT_THAT(sql, HasSubstr(R"(r."_source_id" = $1 AND NOT r."_deleted" LIMIT 1)"));
        EXPECT_THAT(sql, HasSubstr(R"(r."doc"::text IS NOT DISTINCT FROM (o."doc"::jsonb)::text)"));
    }
}

TEST(Statements, OnlyTheTablesOwnRowsGo) {
    EXPECT_EQ(
        statement_sql(orders(), Action::remove_all, {}),
        R"(DELETE FROM "s"."or""ders" AS t WHERE starts_with(t."_source_id", 'pg://') AND split_part(t."_source_id", '/', 5) = $1)");
    EXPECT_THAT(statement_sql(orders(), Action::tombstone_all, {}),
                HasSubstr("WHERE NOT t.\"_deleted\" AND "));
}

TEST(Statements, CreateTableMakesTheKeyPrimary) {
    const std::string sql = create_table_sql(orders());
    EXPECT_THAT(sql, HasSubstr(R"(("id" integer NOT NULL, "k""" text NOT NULL, "doc" jsonb, )"));
    EXPECT_THAT(sql, HasSubstr(R"(PRIMARY KEY ("id", "k"""))"));
    ProjectionTable plain = orders();
    plain.key.clear();
    EXPECT_THAT(create_table_sql(plain), HasSubstr(R"(; CREATE INDEX ON "s"."or""ders" ("_source_id"))"));
}

}  // namespace
}  // namespace cdc::projection
