#include "pipeline/slice_builder.h"

#include <gtest/gtest.h>

namespace cdc {
namespace {

std::string head(const char* op, const char* lsn, const std::string& seq, const std::string& table) {
    const std::string names =
        table.empty() ? R"("schema":null,"table":null)" : R"("schema":"public","table":")" + table + "\"";
    return R"({"source_id":"pg://c/d/x","schema_version":1,"op_type":")" + std::string(op) +
           R"(","ts_source":"2026-02-07T05:55:21.123456Z","commit_lsn":")" + lsn + R"(","xid":7,"seq":)" +
           seq + "," + names + R"(,"key":null,"before":null,"after":null,)";
}
std::string begin(const char* lsn) {
    return head("b", lsn, "null", "") + R"("evidence_id":"e"})";
}
std::string row(const char* lsn, int seq, const std::string& table) {
    return head("c", lsn, std::to_string(seq), table) + R"("evidence_id":"e"})";
}
std::string end(const char* lsn, const char* end_lsn, int events, const std::string& tables) {
    return head("e", lsn, "null", "") + R"("end_lsn":")" + end_lsn + R"(","events":)" +
           std::to_string(events) + R"(,"tables":{)" + tables + R"(},"evidence_id":"e"})";
}

class SliceBuilderTest : public testing::Test {
  protected:
    ByteBudget budget{1 << 20, [] {}};
    SliceBuilder builder{budget};
};

TEST_F(SliceBuilderTest, AWholeTransactionInOneMessage) {
    const auto slice =
        builder.stream_slice(begin("0/10") + "\n" + row("0/10", 0, "a") + "\n" + row("0/10", 1, "b") + "\n" +
                             end("0/10", "0/40", 2, R"("public.a":1,"public.b":1)"));
    ASSERT_TRUE(slice.ok()) << slice.status().to_string();
    EXPECT_TRUE((*slice)->first);
    EXPECT_TRUE((*slice)->last);
    EXPECT_EQ((*slice)->events.size(), 4u);
    EXPECT_EQ((*slice)->end_lsn, Lsn{0x40});
    EXPECT_EQ((*slice)->commit_time_us, 1770443721123456);
    EXPECT_FALSE(builder.in_transaction());
    EXPECT_GE(budget.held(), (*slice)->bytes.size());
}

TEST_F(SliceBuilderTest, TheBudgetIsGivenBackWithTheLastHolder) {
    {
        const auto slice = builder.stream_slice(begin("0/10") + "\n" + end("0/10", "0/40", 0, ""));
        ASSERT_TRUE(slice.ok());
        SlicePtr other = *slice;
        EXPECT_GT(budget.held(), 0u);
    }
    EXPECT_EQ(budget.held(), 0u);
}

TEST_F(SliceBuilderTest, ATransactionOverSeveralMessages) {
    const auto first = builder.stream_slice(begin("0/10") + "\n" + row("0/10", 0, "a"));
    ASSERT_TRUE(first.ok());
    EXPECT_TRUE((*first)->first);
    EXPECT_FALSE((*first)->last);
    EXPECT_TRUE(builder.in_transaction());
    ASSERT_TRUE(builder.stream_slice(row("0/10", 1, "a")).ok());
    const auto last = builder.stream_slice(end("0/10", "0/40", 2, R"("public.a":2)"));
    ASSERT_TRUE(last.ok()) << last.status().to_string();
    EXPECT_TRUE((*last)->last);
}

TEST_F(SliceBuilderTest, AMissingEventIsFatal) {
    ASSERT_TRUE(builder.stream_slice(begin("0/10") + "\n" + row("0/10", 0, "a")).ok());
    const auto slice = builder.stream_slice(row("0/10", 2, "a"));
    ASSERT_FALSE(slice.ok());
    EXPECT_EQ(slice.status().code(), StatusCode::fatal);
    EXPECT_NE(slice.status().message().find("expected seq 1, received 2"), std::string::npos);
}

TEST_F(SliceBuilderTest, CountsThatDisagreeAreFatal) {
    EXPECT_FALSE(builder
                     .stream_slice(begin("0/10") + "\n" + row("0/10", 0, "a") + "\n" +
                                   end("0/10", "0/40", 2, R"("public.a":1)"))
                     .ok());
    SliceBuilder other{budget};
    EXPECT_FALSE(other
                     .stream_slice(begin("0/10") + "\n" + row("0/10", 0, "a") + "\n" +
                                   end("0/10", "0/40", 1, R"("public.b":1)"))
                     .ok());
}

TEST_F(SliceBuilderTest, AnEventOutsideItsTransactionIsFatal) {
    EXPECT_FALSE(builder.stream_slice(row("0/10", 0, "a")).ok());
    SliceBuilder other{budget};
    ASSERT_TRUE(other.stream_slice(begin("0/10")).ok());
    EXPECT_FALSE(other.stream_slice(row("0/20", 0, "a")).ok());
    SliceBuilder third{budget};
    ASSERT_TRUE(third.stream_slice(begin("0/10")).ok());
    EXPECT_FALSE(third.stream_slice(begin("0/20")).ok());
}

TEST_F(SliceBuilderTest, ANonTransactionalMessageBelongsToNoCommit) {
    const std::string message =
        R"({"source_id":"pg://c/d/MESSAGE/p","schema_version":0,"op_type":"m","ts_source":null,"commit_lsn":"0/50",)"
        R"("xid":null,"seq":null,"schema":null,"table":null,"key":null,"before":null,"after":null,)"
        R"("message":{"prefix":"p","transactional":false,"content":""},"evidence_id":"e"})";
    ASSERT_TRUE(builder.stream_slice(begin("0/10")).ok());
    const auto slice = builder.stream_slice(message);
    ASSERT_TRUE(slice.ok()) << slice.status().to_string();
    EXPECT_EQ((*slice)->kind, SliceKind::message);
    EXPECT_FALSE((*slice)->last);
    EXPECT_TRUE(builder.in_transaction());
}

TEST_F(SliceBuilderTest, ASnapshotHoldsReadsOnly) {
    std::string read = row("0/10", 0, "a");
    read.replace(read.find(R"("op_type":"c")"), 13, R"("op_type":"r")");
    const auto slice = builder.snapshot_slice(read, 1, Lsn{0x10});
    ASSERT_TRUE(slice.ok()) << slice.status().to_string();
    EXPECT_EQ((*slice)->kind, SliceKind::snapshot);
    EXPECT_FALSE(builder.snapshot_slice(row("0/10", 0, "a"), 1, Lsn{0x10}).ok());
}

}  // namespace
}  // namespace cdc
