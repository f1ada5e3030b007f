#include "sinks/kafka/key_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "envelope/event_body.h"
#include "envelope/event_reader.h"
#include "sinks/slice_maker.h"

namespace cdc::kafka {
namespace {

test::Row moved() {
    test::Row row = test::make_row(Op::update, "2", R"({"id":1,"n":"a\"b"})", R"({"id":2,"n":"c"})");
    row.old_source_id = "pg://c/db/public.orders/PK:1";
    return row;
}

std::string line_of(const test::Row& row) {
    return test::to_line(row, Lsn{0x16B4F20}, "741", "3");
}

KeyChange split(const std::string& line) {
    const auto change = split_key_change(*read_event(line));
    EXPECT_TRUE(change.ok() && change->has_value()) << change.status().to_string();
    return change.ok() ? change->value_or(KeyChange{}) : KeyChange{};
}

TEST(KeyChange, DerivesADeleteUnderTheOldKeyInTheContractsOrder) {
    const std::string line = line_of(moved());
    const auto change = split(line);
    EXPECT_EQ(change.old_key, R"({"id":1})");
    EXPECT_EQ(
        change.deletion,
        R"({"source_id":"pg://c/db/public.orders/PK:1","schema_version":1,"op_type":"d",)"
        R"("ts_source":"2026-02-07T05:55:21.123456Z","commit_lsn":"0/16B4F20","xid":741,"seq":3,)"
        R"("schema":"public","table":"orders","key":{"id":1},"before":{"id":1,"n":"a\"b"},"after":null,)" +
            test::evidence());
}

// The derived delete is what the plugin would have sent for a delete of that row.
TEST(KeyChange, EqualsThePluginsOwnDelete) {
    const std::string line = line_of(moved());
    test::Row deleted = test::make_row(Op::remove, "1", R"({"id":1,"n":"a\"b"})", "null");
    EXPECT_EQ(split(line).deletion, line_of(deleted));
}

TEST(KeyChange, KeepsTheOrderOfACompositeKeyAndItsNamesAsWritten) {
    test::Row row = moved();
    row.key = R"({"b\"é":2,"a":[1,{"x":"}"}]})";
    row.before = R"({"a":[0,{"x":"}"}],"other":null,"b\"é":1})";
    const std::string line = line_of(row);
    const auto change = split(line);
    EXPECT_EQ(change.old_key, R"({"b\"é":1,"a":[0,{"x":"}"}]})");
}

TEST(KeyChange, LeavesOutWhatSpeaksOfTheNewImageOnly) {
    test::Row row = moved();
    row.schema_version = 0;
    row.before = R"({"id":1})";
    row.extra =
        R"(,"unchanged":["doc"],"oversize":["after_big","id_like"],"json_null":["after.j","before.k"],"fingerprint":"sha256:ab")";
    const std::string line = line_of(row);
    const auto change = split(line);
    EXPECT_THAT(
        change.deletion,
        testing::HasSubstr(R"("after":null,"json_null":["before.k"],"fingerprint":"sha256:ab","evid)"));
    const auto event = read_event(change.deletion);
    ASSERT_TRUE(event.ok());
    EXPECT_TRUE(read_body(*event).ok());
}

// oversize names columns of either image. In a full old image a column that is not there was too long for it.
TEST(KeyChange, KeepsTheOversizeColumnsOfAFullOldImage) {
    test::Row row = moved();
    row.before = R"({"id":1,"n":"short"})";
    row.after = R"({"id":2})";
    row.extra = R"(,"oversize":["n","big"])";
    EXPECT_THAT(split(line_of(row)).deletion, testing::HasSubstr(R"("after":null,"oversize":["big"],"evid)"));
}

// A table without a key under REPLICA IDENTITY FULL: each update changes the hash in the source_id.
TEST(KeyChange, WithoutAKeyThereIsNothingToDelete) {
    test::Row row = moved();
    row.key = "null";
    const std::string keyless = line_of(row);
    auto change = split_key_change(*read_event(keyless));
    ASSERT_TRUE(change.ok()) << change.status().to_string();
    EXPECT_FALSE(change->has_value());

    row = moved();
    row.before = R"({"n":"x"})";
    row.extra = R"(,"oversize":["id"])";
    const std::string oversize = line_of(row);
    change = split_key_change(*read_event(oversize));
    ASSERT_TRUE(change.ok()) << change.status().to_string();
    EXPECT_FALSE(change->has_value());

    row = moved();
    row.before = R"({"id":null})";
    const std::string null_key = line_of(row);
    change = split_key_change(*read_event(null_key));
    ASSERT_TRUE(change.ok()) << change.status().to_string();
    EXPECT_FALSE(change->has_value());
}

TEST(KeyChange, AKeyColumnThatIsMissingInTheOldImageIsAnErrorThatShowsNoValue) {
    test::Row row = moved();
    row.before = R"({"secret":"hunter2"})";
    const std::string line = line_of(row);
    const Status status = split_key_change(*read_event(line)).status();
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), testing::HasSubstr("0/16B4F20"));
    EXPECT_THAT(status.to_string(), testing::Not(testing::HasSubstr("hunter2")));
    row.before = "null";
    const std::string without = line_of(row);
    EXPECT_EQ(split_key_change(*read_event(without)).status().code(), StatusCode::fatal);
}

}  // namespace
}  // namespace cdc::kafka
