// The small rules: names, images, identities, errors.
#include <gmock/gmock.h>

#include "sinks/postgres/copy_rows.h"
#include "sinks/postgres/row_identity.h"
#include "sinks/postgres/row_json.h"
#include "sinks/postgres/sql_error.h"
#include "sinks/postgres/target_name.h"

namespace cdc::projection {
namespace {

using ::testing::HasSubstr;

std::string named(const std::string& name_template, const std::string& schema, const std::string& table) {
    const Result<TargetName> name = target_name(name_template, schema, table);
    return name.ok() ? name.value().schema + " / " + name.value().table : name.status().message();
}

std::string copied(std::string_view text) {
    std::string out;
    append_copy_text(out, text);
    return out;
}

// Eight bytes are looked at together: wherever among them one is that means something to COPY.
TEST(CopyText, EscapesWhereverItStands) {
    const std::string plain = "plain \x7f text, é and \x01 \"quotes\" / ~";
    EXPECT_EQ(copied(plain), plain);
    EXPECT_EQ(copied(""), "");
    for (const std::string special : {"\\", "\t", "\n", "\r"}) {
        const std::string escaped = special == "\\"   ? "\\\\"
                                    : special == "\t" ? "\\t"
                                    : special == "\n" ? "\\n"
                                                      : "\\r";
        for (std::size_t size = 0; size <= plain.size(); ++size) {
            for (std::size_t at = 0; at <= size; ++at) {
                const std::string before = plain.substr(0, at), after = plain.substr(at, size - at);
                EXPECT_EQ(copied(before + special + after), before + escaped + after) << size << ' ' << at;
                EXPECT_EQ(copied(before + special + special + after), before + escaped + escaped + after);
            }
        }
    }
}

TEST(TargetName, FollowsTheTemplate) {
    EXPECT_EQ(named("{schema}.{table}", "public", "orders"), "public / orders");
    EXPECT_EQ(named("mirror.{schema}_{table}", "public", "orders"), "mirror / public_orders");
    EXPECT_EQ(named("{schema}.{table}", "{table}", "a.b"), "{table} / a.b") << "names are not templates";
}

TEST(TargetName, RefusesWhatIsNoName) {
    EXPECT_THAT(named("{table}", "s", "t"), HasSubstr("is not <schema>.<table>"));
    EXPECT_THAT(named("a.b.{table}", "s", "t"), HasSubstr("is not <schema>.<table>"));
    EXPECT_THAT(named(".{table}", "s", "t"), HasSubstr("is not <schema>.<table>"));
    EXPECT_THAT(named("{schema}.{table}", "s", std::string(64, 'x')), HasSubstr("longer than 63 bytes"));
    EXPECT_EQ(named("{schema}.{table}", "s", std::string(63, 'x')), "s / " + std::string(63, 'x'));
}

class RowJson : public ::testing::Test {
  protected:
    RowJson() {
        event_.source_id = "pg://c/d/s.t/PK:1";
        event_.seq = 3;
        table_.columns = {{"id", "\"id\"", "integer", false}, {"d\"c", "\"d\"\"c\"", "jsonb", true}};
    }
    std::string row(std::string_view image) {
        std::string out;
        const Status status = append_row(out, table_, event_, image, options_);
        return status.ok() ? out : status.message();
    }
    Event event_;
    ProjectionTable table_;
    ImageOptions options_;
};

TEST_F(RowJson, APlainImageIsHandedOnByteByByte) {
    table_.columns[1].json_text = false;
    EXPECT_EQ(row(R"({"id":1,"x":1.50e1,"y":"\u00e9"})"),
              R"({"_source_id":"pg://c/d/s.t/PK:1","_seq":3,"id":1,"x":1.50e1,"y":"\u00e9"})");
    EXPECT_EQ(row("{}"), R"({"_source_id":"pg://c/d/s.t/PK:1","_seq":3})");
    event_.seq = -1;
    EXPECT_EQ(row("{}"), R"({"_source_id":"pg://c/d/s.t/PK:1","_seq":null})");
}

TEST_F(RowJson, ADocumentBecomesAStringOfItsText) {
    EXPECT_EQ(row(R"({"id":1,"d\"c":{"a":"\u0000\\"}})"),
              R"({"_source_id":"pg://c/d/s.t/PK:1","_seq":3,"id":1,"d\"c":"{\"a\":\"\\u0000\\\\\"}"})");
    EXPECT_EQ(row(R"({"d\"c":null})"), R"({"_source_id":"pg://c/d/s.t/PK:1","_seq":3,"d\"c":null})");
}

TEST_F(RowJson, AJsonNullIsTheDocumentNull) {
    const std::vector<std::string> nulls = {"after.d\"c"};
    options_.json_null = &nulls;
    EXPECT_THAT(row(R"({"d\"c":null})"), HasSubstr(R"("d\"c":"null")"));
    options_.json_null_prefix = "before.";
    EXPECT_THAT(row(R"({"d\"c":null})"), HasSubstr(R"("d\"c":null)"));
}

TEST_F(RowJson, AJsonNullIsTheDocumentNullInATextColumnToo) {
    table_.columns[1] = {"d", "\"d\"", "text", false};
    const std::vector<std::string> nulls = {"after.d"};
    options_.json_null = &nulls;
    EXPECT_THAT(row(R"({"id":null,"d":null})"), HasSubstr(R"("id":null,"d":"null"})"));
}

TEST_F(RowJson, TextsOfDocumentsStayAsTheyAre) {
    options_.json_as_string = true;
    EXPECT_THAT(row(R"({"d\"c":"{}"})"), HasSubstr(R"("d\"c":"{}")"));
}

TEST_F(RowJson, WhatIsNoObjectIsRefused) {
    EXPECT_THAT(row("[]"), HasSubstr("is not an object"));
    EXPECT_THAT(row(""), HasSubstr("is not an object"));
}

TEST(RowIdentity, IsTheHashOfTheImage) {
    // printf '{"v":"a"}' | sha256sum
    EXPECT_EQ(row_identity("pg://c/d/s.t/ROW:whatever", R"({"v":"a"})"),
              "pg://c/d/s.t/ROW:ece1fa5e6f63aea714943e77ad134cf9a767c3a4c759533186d13425e4ea85d6");
}

TEST(RowIdentity, TheSourceTableIsTheSameUnderEveryClusterName) {
    EXPECT_EQ(source_table("pg://c/db/public.orders"), "public.orders");
    EXPECT_EQ(source_table("pg://other/db/public.orders/PK:1,2"), "public.orders");
    EXPECT_EQ(source_table("pg://c/db/s%2Ft.a%2Fb/ROW:00"), "s%2Ft.a%2Fb");
    EXPECT_EQ(source_table("pg://c/db"), "");
    EXPECT_EQ(source_table(""), "");
}

TEST(SqlError, SaysWhatMayBeTriedAgain) {
    for (const char* state :
         {"", "08006", "40001", "40P01", "53100", "53300", "55P03", "57P01", "57014", "25006"})
        EXPECT_EQ(status_code_of(state), StatusCode::retry) << state;
    for (const char* state :
         {"22P02", "23505", "23502", "21000", "54000", "P0001", "23P01", "45000", "UX001"})
        EXPECT_EQ(status_code_of(state), StatusCode::reject) << state;
    for (const char* state : {"42501", "42P01", "42703", "XX000", "0A000"})
        EXPECT_EQ(status_code_of(state), StatusCode::fatal) << state;
}

}  // namespace
}  // namespace cdc::projection
