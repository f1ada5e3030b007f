// The stream on a real server.
#include <gmock/gmock.h>
#include <poll.h>

#include "source/source_test.h"

namespace cdc::source {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class StreamOnServer : public SourceTest {
  protected:
    void SetUp() override {
        SourceTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        run("CREATE TABLE public.t (id int PRIMARY KEY)");
        auto point = create_slot(dsn_, "cdc test", slot_name(), {});
        ASSERT_TRUE(point.ok()) << point.status().to_string();
        start_ = *point;
    }
    std::string of_slot(const std::string& column) {
        return value("SELECT " + column + " FROM pg_replication_slots WHERE slot_name = '" + slot_name() +
                     "'");
    }
    Lsn now() { return *Lsn::parse(value("SELECT pg_current_wal_flush_lsn()")); }
    // Reads until the stream fails.
    Status failure_of(ReplicationStream& stream) {
        for (int i = 0; i < 3000; ++i) {
            auto message = stream.read();
            if (!message.ok()) return message.status();
            if (!message->has_value()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return {};
    }
    Lsn start_;
};

TEST_F(StreamOnServer, says_which_system_it_is) {
    const ReplicationStream stream = open_stream();
    EXPECT_EQ(stream.identity().database, name_);
    EXPECT_EQ(stream.identity().system_identifier,
              value("SELECT system_identifier FROM pg_control_system()"));
    EXPECT_EQ(std::to_string(stream.identity().timeline),
              value("SELECT timeline_id FROM pg_control_checkpoint()"));
    EXPECT_LE(stream.server_flush_lsn(), now());
    EXPECT_GE(stream.server_flush_lsn(), start_);
}

TEST_F(StreamOnServer, asked_again_it_knows_what_was_committed_since) {
    ReplicationStream stream = open_stream();
    const Lsn before = stream.server_flush_lsn();
    run("INSERT INTO public.t VALUES (1)");
    EXPECT_EQ(stream.server_flush_lsn(), before);
    ASSERT_TRUE(stream.identify().ok());
    EXPECT_GT(stream.server_flush_lsn(), before);
}

TEST_F(StreamOnServer, acknowledged_transactions_do_not_come_again) {
    run("INSERT INTO public.t VALUES (7001)");
    const Lsn acknowledged = now();
    {
        ReplicationStream stream = open_stream();
        ASSERT_TRUE(stream.start(slot_name(), start_, {}).ok());
        EXPECT_THAT(read_until(stream, "7001"), HasSubstr("7001"));
        ASSERT_TRUE(stream.send_feedback(acknowledged, acknowledged, true).ok());
        eventually("the slot moves",
                   [&] { return of_slot("confirmed_flush_lsn") == acknowledged.to_string(); });
        const Status finished = stream.finish();
        EXPECT_TRUE(finished.ok()) << finished.to_string();
    }
    eventually("the slot is free", [&] { return of_slot("active") == "f"; });
    run("INSERT INTO public.t VALUES (7002)");
    ReplicationStream stream = open_stream();
    ASSERT_TRUE(stream.start(slot_name(), acknowledged, {}).ok());
    EXPECT_THAT(read_until(stream, "7002"), Not(HasSubstr("7001")));
}

TEST_F(StreamOnServer, what_is_not_acknowledged_comes_again) {
    run("INSERT INTO public.t VALUES (7001)");
    {
        ReplicationStream stream = open_stream();
        ASSERT_TRUE(stream.start(slot_name(), start_, {}).ok());
        read_until(stream, "7001");
        ASSERT_TRUE(stream.send_feedback(now(), start_, false).ok());
        EXPECT_TRUE(stream.finish().ok());
    }
    ReplicationStream stream = open_stream();
    eventually("the slot is free", [&] { return of_slot("active") == "f"; });
    ASSERT_TRUE(stream.start(slot_name(), start_, {}).ok());
    EXPECT_THAT(read_until(stream, "7001"), HasSubstr("7001"));
}

TEST_F(StreamOnServer, an_idle_stream_blocks_nobody_and_answers_with_keepalives) {
    ReplicationStream stream = open_stream();
    ASSERT_TRUE(stream.start(slot_name(), start_, {}).ok());
    ASSERT_TRUE(stream.send_feedback(start_, start_, true).ok());
    std::optional<Keepalive> keepalive;
    eventually("a keepalive at the end of the WAL", [&] {
        auto message = stream.read();
        EXPECT_TRUE(message.ok()) << message.status().to_string();
        if (!message.ok() || !message->has_value()) return false;
        if (const auto* found = std::get_if<Keepalive>(&**message)) keepalive = *found;
        return keepalive.has_value();
    });
    EXPECT_GE(keepalive->wal_end, start_);
    pollfd entry{stream.fd(), POLLIN, 0};
    while (poll(&entry, 1, 50) > 0)
        ASSERT_TRUE(stream.read().ok());
    eventually("there is nothing to read, and it says so", [&] {
        auto message = stream.read();
        return message.ok() && !message->has_value();
    });
    run("INSERT INTO public.t VALUES (1)");
    EXPECT_GT(poll(&entry, 1, 10000), 0) << "the descriptor says when there is something to read";
}

TEST_F(StreamOnServer, finish_in_the_middle_of_a_large_transaction_is_bounded) {
    run("INSERT INTO public.t SELECT generate_series(1, 200000)");
    ReplicationStream stream = open_stream();
    ASSERT_TRUE(stream.start(slot_name(), start_, {}).ok());
    read_until(stream, "{");
    const auto before = std::chrono::steady_clock::now();
    (void)stream.finish(std::chrono::milliseconds(1500));
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(4));
    EXPECT_EQ(of_slot("confirmed_flush_lsn"), start_.to_string());
}

TEST_F(StreamOnServer, a_slot_in_use_is_tried_again_and_its_holder_named) {
    ReplicationStream holder = open_stream();
    ASSERT_TRUE(holder.start(slot_name(), start_, {}).ok());
    ReplicationStream late = open_stream();
    const Status refused = late.start(slot_name(), start_, {});
    EXPECT_EQ(refused.code(), StatusCode::retry);
    EXPECT_THAT(refused.message(), HasSubstr(of_slot("active_pid")));
}

TEST_F(StreamOnServer, slots_that_cannot_be_streamed_are_refused) {
    const Status missing = open_stream().start(slot_name() + "_x", start_, {});
    EXPECT_EQ(missing.code(), StatusCode::fatal);
    EXPECT_THAT(missing.message(), HasSubstr("does not exist"));

    run("SELECT pg_create_logical_replication_slot('" + slot_name() + "_p', 'pgoutput')");
    const Status other = open_stream().start(slot_name() + "_p", start_, {});
    EXPECT_EQ(other.code(), StatusCode::fatal);
    EXPECT_THAT(other.message(), HasSubstr("output plugin \"pgoutput\", not \"cdc_envelope\""));

    auto elsewhere = ReplicationStream::open(server_dsn_, "cdc test");
    ASSERT_TRUE(elsewhere.ok());
    const Status foreign = elsewhere->start(slot_name(), start_, {});
    EXPECT_EQ(foreign.code(), StatusCode::fatal);
    EXPECT_THAT(foreign.message(), HasSubstr("belongs to the database"));
}

TEST_F(StreamOnServer, options_are_quoted_and_the_plugins_refusal_is_fatal) {
    // A quote in quotes, in a name, is a syntax error up to 15.18.
    const Status refused = open_stream().start(slot_name(), start_, {{"od'd, name", "it's \\ \"x\""}});
    EXPECT_EQ(refused.code(), StatusCode::fatal) << refused.to_string();
    EXPECT_THAT(refused.message(), HasSubstr("od'd, name"));
    EXPECT_EQ(open_stream().start(slot_name(), start_, {{"a", std::string("x\0y", 3)}}).code(),
              StatusCode::fatal);
}

TEST_F(StreamOnServer, an_administrators_hand_is_a_retry) {
    for (const char* function : {"pg_terminate_backend", "pg_cancel_backend"}) {
        eventually("the slot is free", [&] { return of_slot("active") == "f"; });
        ReplicationStream stream = open_stream();
        ASSERT_TRUE(stream.start(slot_name(), start_, {}).ok());
        run(std::string("SELECT ") + function + "(" + of_slot("active_pid") + ")");
        run("INSERT INTO public.t SELECT coalesce(max(id), 0) + 1 FROM public.t");  // wakes the walsender
        const Status status = failure_of(stream);
        EXPECT_EQ(status.code(), StatusCode::retry) << function << ": " << status.to_string();
    }
}

TEST_F(StreamOnServer, a_server_that_is_not_there_is_a_retry_and_a_wrong_database_is_not) {
    EXPECT_EQ(ReplicationStream::open(dsn_ + " port=1", "cdc test").status().code(), StatusCode::retry);
    const Status wrong = ReplicationStream::open(dsn_ + " dbname=no_such_database", "cdc test").status();
    EXPECT_EQ(wrong.code(), StatusCode::fatal);
    EXPECT_THAT(wrong.message(), HasSubstr("no_such_database"));
}

}  // namespace
}  // namespace cdc::source
