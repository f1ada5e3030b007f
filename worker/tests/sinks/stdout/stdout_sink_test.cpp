#include "sinks/stdout/stdout_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>

#include "sinks/slice_maker.h"

namespace cdc {
namespace {

using test::make_row;
using test::make_transaction;

struct Pipe {
    Pipe() { EXPECT_EQ(::pipe(fds.data()), 0); }
    ~Pipe() {
        close_reader();
        close_writer();
    }
    void close_reader() { close_end(0); }
    void close_writer() { close_end(1); }
    int writer() const { return fds[1]; }

    std::string read_all() {
        close_writer();
        std::string text;
        std::array<char, 4096> buffer;
        for (ssize_t got; (got = ::read(fds[0], buffer.data(), buffer.size())) > 0;)
            text.append(buffer.data(), static_cast<std::size_t>(got));
        return text;
    }

    std::array<int, 2> fds{-1, -1};

  private:
    void close_end(std::size_t end) {
        if (fds[end] >= 0) ::close(std::exchange(fds[end], -1));
    }
};

std::string lines_without_boundaries(const std::vector<SlicePtr>& slices) {
    std::string text;
    for (const SlicePtr& slice : slices) {
        for (const Event& event : slice->events) {
            if (event.op != Op::begin && event.op != Op::end) text += std::string(event.line) + "\n";
        }
    }
    return text;
}

TEST(StdoutSink, WritesEveryEventAsItCameButNoTransactionBoundaries) {
    Pipe pipe;
    StdoutSink sink(pipe.writer());
    ASSERT_TRUE(sink.open({}).ok());
    const auto slices = make_transaction(Lsn{0x100}, Lsn{0x180},
                                         {make_row(Op::insert, "1", "null", R"({"id":1})"),
                                          make_row(Op::update, "1", "null", R"({"id":1,"n":"é"})"),
                                          make_row(Op::remove, "1", R"({"id":1})", "null")},
                                         2);
    for (const SlicePtr& slice : slices)
        ASSERT_TRUE(sink.write(slice).ok());
    const std::string text = pipe.read_all();
    EXPECT_EQ(text, lines_without_boundaries(slices));
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST(StdoutSink, ATransactionThatLostEventsIsNotConfirmed) {
    Pipe pipe;
    StdoutSink sink(pipe.writer());
    ASSERT_TRUE(sink.open({}).ok());
    const auto slices = make_transaction(
        Lsn{0x100}, Lsn{0x180},
        {make_row(Op::insert, "1", "null", "{}"), make_row(Op::insert, "2", "null", "{}")}, 4);
    ASSERT_TRUE(sink.write(slices[0]).ok());
    ASSERT_TRUE(sink.write(slices[1]).ok());
    EXPECT_EQ(sink.write(slices[3]).code(), StatusCode::fatal);
    EXPECT_EQ(sink.durable_lsn(), Lsn{});
}

TEST(StdoutSink, DurableFollowsTheLastSliceOfATransaction) {
    Pipe pipe;
    StdoutSink sink(pipe.writer());
    ASSERT_TRUE(sink.open({}).ok());
    const auto slices =
        make_transaction(Lsn{0x100}, Lsn{0x180}, {make_row(Op::insert, "1", "null", "{}")}, 2);
    ASSERT_TRUE(sink.write(slices[0]).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{});
    ASSERT_TRUE(sink.write(slices[1]).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x180});
    ASSERT_TRUE(sink.advance(Lsn{0x200}).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x200});
    ASSERT_TRUE(sink.advance(Lsn{0x190}).ok());
    EXPECT_EQ(sink.durable_lsn(), Lsn{0x200}) << "never goes back";
}

// A pipe holds 64 kB, the slice 2 MB: write(2) takes it in parts, and says EAGAIN where it is non-blocking.
TEST(StdoutSink, PartialWritesAndAFullNonBlockingPipeLoseNothing) {
    for (const bool non_blocking : {false, true}) {
        Pipe pipe;
        ASSERT_EQ(::fcntl(pipe.writer(), F_SETFL, non_blocking ? O_NONBLOCK : 0), 0);
        StdoutSink sink(pipe.writer());
        ASSERT_TRUE(sink.open({}).ok());
        std::vector<test::Row> rows(
            1000, make_row(Op::insert, "1", "null", R"({"text":")" + std::string(2000, 'x') + R"("})"));
        const auto slices = make_transaction(Lsn{0x100}, Lsn{0x180}, rows);
        std::thread writer([&] {
            EXPECT_TRUE(sink.write(slices[0]).ok());
            pipe.close_writer();
        });
        std::string text;
        std::array<char, 3333> buffer;
        for (ssize_t got; (got = ::read(pipe.fds[0], buffer.data(), buffer.size())) > 0;)
            text.append(buffer.data(), static_cast<std::size_t>(got));
        writer.join();
        EXPECT_TRUE(text == lines_without_boundaries(slices)) << text.size();
    }
}

TEST(StdoutSink, AReaderThatWentAwayIsFatalAndConfirmsNothing) {
    Pipe pipe;
    StdoutSink sink(pipe.writer());
    ASSERT_TRUE(sink.open({}).ok());
    pipe.close_reader();
    const Status status =
        sink.write(make_transaction(Lsn{0x100}, Lsn{0x180}, {make_row(Op::insert, "1", "null", "{}")})[0]);
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), testing::HasSubstr("reader of standard output"));
    EXPECT_EQ(sink.durable_lsn(), Lsn{});
}

TEST(StdoutSink, AFullDiskIsFatalAndNamesTheReason) {
    const int full = ::open("/dev/full", O_WRONLY);
    ASSERT_GE(full, 0);
    StdoutSink sink(full);
    const Status status =
        sink.write(make_transaction(Lsn{0x100}, Lsn{0x180}, {make_row(Op::insert, "1", "null", "{}")})[0]);
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), testing::HasSubstr("No space left"));
    ::close(full);
}

}  // namespace
}  // namespace cdc
