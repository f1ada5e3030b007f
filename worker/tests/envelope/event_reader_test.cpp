#include "envelope/event_reader.h"

#include <gtest/gtest.h>

#include "envelope/event_body.h"
#include "envelope/table_definition.h"

namespace cdc {
namespace {

const std::string kUpdate =
    R"({"source_id":"pg://c/d/public.orders/PK:9","old_source_id":"pg://c/d/public.orders/PK:8","schema_version":3,)"
    R"("op_type":"u","ts_source":"2026-02-07T05:55:21.123456Z","commit_lsn":"0/16B4F20","xid":741,"seq":2,)"
    R"("schema":"public","table":"or\"d,ers","key":{"id":9,"k}":"a\"]}"},"before":{"id":8},)"
    R"("after":{"id":9,"note":"},{\"key\":null","list":[1,[2,{"x":"]"}]],"t":true},"unchanged":["bi\u0067","b"],)"
    R"("json_null":["after.doc"],"evidence_id":"sha256:00"})";

TEST(EventReader, ReadsEveryFieldOfTheHead) {
    const Result<Event> event = read_event(kUpdate);
    ASSERT_TRUE(event.ok()) << event.status().to_string();
    EXPECT_EQ(event->source_id, "pg://c/d/public.orders/PK:9");
    EXPECT_EQ(event->old_source_id, "pg://c/d/public.orders/PK:8");
    EXPECT_EQ(event->schema_version, 3);
    EXPECT_EQ(event->op, Op::update);
    EXPECT_EQ(event->ts_source, "2026-02-07T05:55:21.123456Z");
    EXPECT_EQ(event->commit_lsn, Lsn{0x16B4F20});
    EXPECT_EQ(event->xid, 741u);
    EXPECT_EQ(event->seq, 2);
    EXPECT_EQ(event->schema, "public");
    EXPECT_EQ(event->table, R"(or\"d,ers)");
    EXPECT_EQ(event->key, R"({"id":9,"k}":"a\"]}"})");
    EXPECT_EQ(event->line, kUpdate);
}

TEST(EventReader, NullsOfSnapshotAndTransactionEventsHaveTheirOwnMarks) {
    const std::string end =
        R"({"source_id":"pg://c/d","schema_version":0,"op_type":"e","ts_source":"2026-02-07T05:55:21.123456Z",)"
        R"("commit_lsn":"1/2","xid":7,"seq":null,"schema":null,"table":null,"key":null,"before":null,"after":null,)"
        R"("end_lsn":"1/30","events":5,"tables":{"public.a":3,"public.b":2},"evidence_id":"sha256:00"})";
    const Result<Event> event = read_event(end);
    ASSERT_TRUE(event.ok()) << event.status().to_string();
    EXPECT_EQ(event->op, Op::end);
    EXPECT_EQ(event->seq, -1);
    EXPECT_TRUE(event->schema.empty());
    EXPECT_TRUE(event->key.empty());
    EXPECT_FALSE(event->is_row());
    const Result<EventBody> body = read_body(*event);
    ASSERT_TRUE(body.ok()) << body.status().to_string();
    EXPECT_EQ(body->end_lsn, (Lsn{0x100000030}));
    EXPECT_EQ(body->events, 5);
    EXPECT_EQ(body->tables, R"({"public.a":3,"public.b":2})");
}

TEST(EventReader, TwoEnvelopesOnOneLineAreNotReadAsOne) {
    for (const std::string& rest : {kUpdate, std::string("}"), std::string("]")}) {
        const std::string line = kUpdate + rest;
        const Result<Event> event = read_event(line);
        ASSERT_TRUE(event.ok());
        EXPECT_FALSE(read_body(*event).ok()) << rest;
    }
}

TEST(EventReader, AScalarWithAQuoteOrABracketInItIsNoValue) {
    for (const std::string_view value : {R"(nullource":"x)", "1{}", "tr[ue]", "12:3", "null null"})
        EXPECT_EQ(skip_json_value(value, 0), std::string_view::npos) << value;
    EXPECT_EQ(skip_json_value("-1.5e+3,", 0), 7U);
    EXPECT_EQ(skip_json_value(R"("a\"b\\",1)", 0), 8U);
    EXPECT_EQ(skip_json_value(R"("\\\"")", 0), 6U);
    EXPECT_EQ(skip_json_value(R"("a\)", 0), std::string_view::npos);
    EXPECT_EQ(skip_json_value(R"("a\")", 0), std::string_view::npos);
    EXPECT_EQ(skip_json_value("false", 0), 5U);
}

TEST(EventReader, BodyGivesTheImagesAsTheyAreAndTheNamesUnescaped) {
    const Result<Event> event = read_event(kUpdate);
    ASSERT_TRUE(event.ok());
    const Result<EventBody> body = read_body(*event);
    ASSERT_TRUE(body.ok()) << body.status().to_string();
    EXPECT_EQ(body->before, R"({"id":8})");
    EXPECT_EQ(body->unchanged, (std::vector<std::string>{"big", "b"}));
    EXPECT_EQ(body->json_null, std::vector<std::string>{"after.doc"});
    EXPECT_EQ(body->evidence_id, "sha256:00");
    const auto members = read_members(body->after);
    ASSERT_TRUE(members.ok()) << members.status().to_string();
    ASSERT_EQ(members->size(), 4u);
    EXPECT_EQ((*members)[1].first, "note");
    EXPECT_EQ((*members)[2].second, R"([1,[2,{"x":"]"}]])");
    EXPECT_EQ((*members)[3].second, "true");
}

TEST(EventReader, EveryTruncationOfTheHeadIsAnErrorAndNoneReadsPastTheEnd) {
    const std::size_t head = kUpdate.find(R"(,"before")");
    for (std::size_t length = 0; length < head; ++length) {
        const std::string cut =
            kUpdate.substr(0, length);  // its own allocation: ASan sees a read past the end
        EXPECT_FALSE(read_event(cut).ok()) << length;
    }
    for (std::size_t length = head; length < kUpdate.size(); ++length) {
        const std::string cut = kUpdate.substr(0, length);
        const Result<Event> event = read_event(cut);
        ASSERT_TRUE(event.ok()) << length;
        EXPECT_FALSE(read_body(*event).ok()) << length;
    }
}

TEST(EventReader, AnErrorSaysWhereAndNeverShowsValues) {
    std::string line = kUpdate;
    line.replace(line.find(R"("xid")"), 5, R"("xix")");
    const Result<Event> event = read_event(line);
    ASSERT_FALSE(event.ok());
    EXPECT_NE(event.status().message().find(R"(,"xid":)"), std::string::npos);
    EXPECT_EQ(event.status().message().find("pg://"), std::string::npos);
}

TEST(Unescape, EveryEscapeOfRfc8259) {
    EXPECT_EQ(unescape_json(R"(a\"\\\/\b\f\n\r\tz)"), "a\"\\/\b\f\n\r\tz");
    EXPECT_EQ(unescape_json(R"(\u0041\u00e9\u20ac\ud83d\ude00)"), "Aé€😀");
    EXPECT_EQ(unescape_json(R"(\ud83d!)"), "\xEF\xBF\xBD!");
    EXPECT_EQ(unescape_json(R"(\ud83d\u0041)"),
              "\xEF\xBF\xBD"
              "A");
}

TEST(Timestamp, MicrosecondsSinceTheEpoch) {
    EXPECT_EQ(parse_timestamp_us("1970-01-01T00:00:00.000000Z").value(), 0);
    EXPECT_EQ(parse_timestamp_us("2026-02-07T05:55:21.123456Z").value(), 1770443721123456);
    EXPECT_EQ(parse_timestamp_us("2000-02-29T23:59:59.999999Z").value(), 951868799999999);
    EXPECT_EQ(parse_timestamp_us("1969-12-31T23:59:59.999999Z").value(), -1);
    for (const char* bad :
         {"", "2026-02-07T05:55:21.123456", "2026-02-07 05:55:21.123456Z", "2026-0a-07T05:55:21.123456Z"}) {
        EXPECT_FALSE(parse_timestamp_us(bad).ok()) << bad;
    }
}

TEST(TableDefinitionReader, ReadsADefinitionAndRefusesAnythingElse) {
    const Result<TableDefinition> definition = parse_table_definition(
        R"-({"columns":[{"name":"id","type":"integer","nullable":false,"position":1},)-"
        R"-({"name":"price","type":"numeric(10,2)","nullable":true,"position":2}],"key":["id"],)-"
        R"-("replica_identity":"default","fingerprint":"sha256:ab"})-");
    ASSERT_TRUE(definition.ok()) << definition.status().to_string();
    ASSERT_EQ(definition->columns.size(), 2u);
    EXPECT_EQ(definition->columns[1].type, "numeric(10,2)");
    EXPECT_FALSE(definition->columns[0].nullable);
    EXPECT_EQ(definition->key, std::vector<std::string>{"id"});
    const std::string deep(200000, '[');
    for (const std::string& bad :
         {std::string("[]"), std::string("{"), std::string(R"({"columns":[1]})"), deep}) {
        EXPECT_FALSE(parse_table_definition(bad).ok());
    }
}

}  // namespace
}  // namespace cdc
