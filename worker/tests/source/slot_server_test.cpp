// The slot's life on a real server.
#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <future>

#include "source/source_test.h"

namespace cdc::source {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SlotOnServer : public SourceTest {
  protected:
    std::optional<SlotState> state(const std::string& slot) {
        auto found = slot_state(*sql_, slot);
        EXPECT_TRUE(found.ok()) << found.status().to_string();
        return found.ok() ? *found : std::nullopt;
    }
    std::string slots() {
        return value("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()");
    }
};

TEST_F(SlotOnServer, the_permanent_slot_begins_exactly_where_the_snapshot_ends) {
    run("CREATE TABLE public.t (id int PRIMARY KEY); INSERT INTO public.t VALUES (1)");
    auto snapshot = SnapshotSlot::create(dsn_, "cdc test", slot_name(), {});
    ASSERT_TRUE(snapshot.ok()) << snapshot.status().to_string();
    EXPECT_FALSE(state(slot_name())) << "the permanent slot is the mark that the snapshot is finished";
    const auto temporary = state(snapshot->temporary_name());
    ASSERT_TRUE(temporary);
    EXPECT_TRUE(temporary->temporary && temporary->active);
    EXPECT_GT(temporary->active_pid, 0);

    run("INSERT INTO public.t VALUES (4242)");  // while the snapshot is being read
    run("CHECKPOINT");
    std::unique_ptr<pq::Connection> reader;
    connect(dsn_, reader);
    run(*reader, "BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '" +
                     snapshot->snapshot_name() + "'");
    EXPECT_EQ(value(*reader, "SELECT string_agg(id::text, ',') FROM public.t"), "1");

    ASSERT_TRUE(snapshot->make_permanent().ok());
    run("INSERT INTO public.t VALUES (4343)");
    const auto permanent = state(slot_name());
    ASSERT_TRUE(permanent);
    EXPECT_EQ(permanent->confirmed_flush_lsn, snapshot->consistent_point());
    EXPECT_EQ(permanent->plugin, plugin_name);
    EXPECT_EQ(permanent->database, name_);
    EXPECT_FALSE(permanent->temporary || permanent->active || permanent->lost());
    EXPECT_TRUE(permanent->restart_lsn);
    EXPECT_FALSE(state(snapshot->temporary_name()));

    ReplicationStream stream = open_stream();
    ASSERT_TRUE(stream.start(slot_name(), snapshot->consistent_point(), {}).ok());
    const std::string seen = read_until(stream, "4343");
    EXPECT_THAT(seen, HasSubstr("4242"));
    EXPECT_THAT(seen, HasSubstr("4343"));
    EXPECT_EQ(lines_with(seen, "4242"), 1) << "once, not twice: " << seen;
}

TEST_F(SlotOnServer, an_abandoned_snapshot_leaves_no_slot) {
    {
        auto snapshot = SnapshotSlot::create(dsn_, "cdc test", slot_name(), {});
        ASSERT_TRUE(snapshot.ok());
        EXPECT_TRUE(snapshot->alive().ok());
        EXPECT_EQ(slots(), "1");
    }
    eventually("the temporary slot is gone", [&] { return slots() == "0"; });
}

TEST_F(SlotOnServer, a_lost_temporary_slot_is_noticed_and_makes_nothing_permanent) {
    auto snapshot = SnapshotSlot::create(dsn_, "cdc test", slot_name(), {});
    ASSERT_TRUE(snapshot.ok());
    run("SELECT pg_terminate_backend(" + std::to_string(state(snapshot->temporary_name())->active_pid) + ")");
    eventually("the loss is noticed", [&] { return !snapshot->alive().ok(); });
    EXPECT_EQ(snapshot->alive().code(), StatusCode::retry);
    EXPECT_EQ(snapshot->make_permanent().code(), StatusCode::retry);
    EXPECT_EQ(slots(), "0");
}

TEST_F(SlotOnServer, two_workers_that_finish_a_snapshot_make_one_slot) {
    auto first = SnapshotSlot::create(dsn_, "cdc test", slot_name(), {});
    auto second = SnapshotSlot::create(dsn_, "cdc test", slot_name(), {});
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_TRUE(first->make_permanent().ok());
    const Status late = second->make_permanent();
    EXPECT_EQ(late.code(), StatusCode::retry) << late.to_string();
    EXPECT_EQ(state(slot_name())->confirmed_flush_lsn, first->consistent_point());
}

TEST_F(SlotOnServer, creation_waits_for_older_transactions_and_can_be_stopped) {
    run("CREATE TABLE public.t (id int)");
    std::unique_ptr<pq::Connection> writer;
    connect(dsn_, writer);
    run(*writer, "BEGIN; INSERT INTO public.t VALUES (1)");
    std::atomic<bool> stopped = false;
    auto creation = std::async(std::launch::async, [&] {
        return SnapshotSlot::create(dsn_, "cdc test", slot_name(), [&] { return stopped.load(); }).status();
    });
    EXPECT_EQ(creation.wait_for(std::chrono::milliseconds(800)), std::future_status::timeout);
    stopped = true;
    ASSERT_EQ(creation.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_EQ(creation.get().code(), StatusCode::retry);
    eventually("the half-made slot is gone", [&] { return slots() == "0"; });

    auto patient =
        std::async(std::launch::async, [&] { return create_slot(dsn_, "cdc test", slot_name(), {}); });
    EXPECT_EQ(patient.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
    run(*writer, "COMMIT");
    ASSERT_EQ(patient.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    const auto point = patient.get();
    ASSERT_TRUE(point.ok()) << point.status().to_string();
    EXPECT_EQ(state(slot_name())->confirmed_flush_lsn, *point);
}

TEST_F(SlotOnServer, creation_that_waits_says_for_whom) {
    std::ostringstream log;
    const auto before = spdlog::default_logger();
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
    run("CREATE TABLE public.t (id int, name text)");
    std::unique_ptr<pq::Connection> writer;
    connect(dsn_, writer);
    const std::string pid = value(*writer, "SELECT pg_backend_pid()");
    run(*writer, "BEGIN");
    run(*writer, "INSERT INTO public.t\nVALUES (1, 'Ada''s secret')");
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(3500);
    const Status stopped = SnapshotSlot::create(dsn_, "cdc test", slot_name(), [&] {
                               return std::chrono::steady_clock::now() > give_up;
                           }).status();
    spdlog::set_default_logger(before);
    EXPECT_EQ(stopped.code(), StatusCode::retry);
    EXPECT_THAT(log.str(), HasSubstr("waits for the transaction of process " + pid + " (role "));
    EXPECT_THAT(log.str(), HasSubstr("idle in transaction"));
    EXPECT_THAT(log.str(), HasSubstr(": INSERT INTO public.t VALUES (1, '...''...')"));
}

TEST_F(SlotOnServer, a_slot_that_is_there_already_is_not_made_again) {
    ASSERT_TRUE(create_slot(dsn_, "cdc test", slot_name(), {}).ok());
    const Status again = create_slot(dsn_, "cdc test", slot_name(), {}).status();
    EXPECT_EQ(again.code(), StatusCode::fatal);
    EXPECT_THAT(again.message(), HasSubstr("already exists"));
}

TEST_F(SlotOnServer, a_plugin_that_is_not_allowed_is_refused_with_the_whole_list) {
    if (value("SELECT current_setting('output_plugin_libraries', true) IS NULL") == "t") {
        GTEST_SKIP() << "this server has no output_plugin_libraries";
    }
    run(*admin_, "ALTER DATABASE " + name_ + " SET output_plugin_libraries = pgoutput");
    const Status refused = create_slot(dsn_, "cdc test", slot_name(), {}).status();
    EXPECT_EQ(refused.code(), StatusCode::fatal);
    EXPECT_THAT(refused.hint(),
                HasSubstr("ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, "
                          "cdc_envelope; SELECT pg_reload_conf();"));
}

TEST_F(SlotOnServer, a_physical_slot_is_not_taken_for_ours) {
    run("SELECT pg_create_physical_replication_slot('" + slot_name() + "')");
    EXPECT_EQ(slot_state(*sql_, slot_name()).status().code(), StatusCode::fatal);
    run("SELECT pg_drop_replication_slot('" + slot_name() + "')");
}

}  // namespace
}  // namespace cdc::source
