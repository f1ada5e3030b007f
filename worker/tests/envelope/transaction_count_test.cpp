#include "envelope/transaction_count.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "envelope/event_reader.h"

namespace cdc {
namespace {

using ::testing::HasSubstr;

class TransactionCountTest : public ::testing::Test {
  protected:
    Status take(const std::string& op, const std::string& table, const std::string& own = "") {
        const std::string names =
            table.empty() ? R"("schema":null,"table":null)" : R"("schema":"public","table":")" + table + "\"";
        line_ = R"({"source_id":"pg://c/d","schema_version":1,"op_type":")" + op +
                R"(","ts_source":"2026-02-07T05:55:21.123456Z","commit_lsn":"0/10","xid":7,"seq":null,)" +
                names + R"(,"key":null,"before":null,"after":null,)" + own + R"("evidence_id":"e"})";
        const Result<Event> event = read_event(line_);
        EXPECT_TRUE(event.ok()) << event.status().to_string();
        return count_.take(*event);
    }
    Status end(int events, const std::string& tables) {
        return take(
            "e", "",
            R"("end_lsn":"0/40","events":)" + std::to_string(events) + R"(,"tables":{)" + tables + "},");
    }
    void expect_missing(const Status& status, const std::string& text) {
        EXPECT_EQ(status.code(), StatusCode::fatal);
        EXPECT_THAT(status.message(), HasSubstr("transaction at 0/10"));
        EXPECT_THAT(status.message(), HasSubstr(text));
        EXPECT_NE(status.hint(), "");
    }

    TransactionCount count_;
    std::string line_;
};

TEST_F(TransactionCountTest, AWholeTransactionPasses) {
    for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(take("b", "").ok());
        for (const char* const table : {"a", "b", "a", "t\\\"x"})
            ASSERT_TRUE(take("c", table).ok());
        ASSERT_TRUE(take("m", "").ok());
        EXPECT_EQ(count_.events(), 5);
        EXPECT_TRUE(end(5, R"("public.a":2,"public.b":1,"public.t\"x":1)").ok());
    }
}

TEST_F(TransactionCountTest, OneThatLostEventsIsFatal) {
    ASSERT_TRUE(take("b", "").ok());
    ASSERT_TRUE(take("c", "a").ok());
    expect_missing(end(2, R"("public.a":2)"), "ended with 2 events, but 1 were received");
}

// As many, but of other tables: a line was put in another's place.
TEST_F(TransactionCountTest, EventsOfTheWrongTableAreFatal) {
    ASSERT_TRUE(take("b", "").ok());
    ASSERT_TRUE(take("c", "a").ok());
    ASSERT_TRUE(take("c", "b").ok());
    expect_missing(end(2, R"("public.a":2)"), "ended with 2 events of table public.a, but 1 were received");
    expect_missing(end(2, R"("public.a":1)"), "its end does not count");
    EXPECT_TRUE(end(2, R"("public.a":1,"public.b":1)").ok());
}

TEST_F(TransactionCountTest, CountsThatAreNoneAreFatal) {
    ASSERT_TRUE(take("b", "").ok());
    ASSERT_TRUE(take("c", "a").ok());
    expect_missing(end(1, R"("public.a":null)"), "of table public.a, but 1 were received");
    EXPECT_EQ(take("e", "", R"("events":1,"tables":null,)").code(), StatusCode::fatal);
    EXPECT_EQ(take("e", "", R"("events":null,"tables":{"public.a":1},)").code(), StatusCode::fatal);
    EXPECT_TRUE(end(1, R"("public.a":1)").ok());
}

TEST_F(TransactionCountTest, NothingIsLeftOfTheTransactionBefore) {
    ASSERT_TRUE(take("b", "").ok());
    for (const char* const table : {"a", "b", "a"})
        ASSERT_TRUE(take("c", table).ok());
    EXPECT_TRUE(end(3, R"("public.a":2,"public.b":1)").ok());
    ASSERT_TRUE(take("b", "").ok());
    ASSERT_TRUE(take("c", "a").ok());
    expect_missing(end(1, R"("public.a":2)"), "ended with 2 events of table public.a, but 1 were received");
    expect_missing(end(1, R"("public.b":1)"), "ended with 1 events of table public.b, but 0 were received");
    EXPECT_TRUE(end(1, R"("public.a":1)").ok());
}

}  // namespace
}  // namespace cdc
