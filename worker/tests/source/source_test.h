// SourceTest: a database of its own on the server that CDC_TEST_DSN points to (key=value form, a superuser,
// wal_level=logical, the plugin installed and allowed), with the extension in it; dropped with its slots at
// the end. Without the variable these tests are skipped, and say so. Thread: the test's.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "pq/connection.h"
#include "source/replication_stream.h"
#include "source/slot.h"

namespace cdc::source {

class SourceTest : public ::testing::Test {
  protected:
    void SetUp() override {
        const char* dsn = std::getenv("CDC_TEST_DSN");
        if (dsn == nullptr || *dsn == '\0') {
            GTEST_SKIP() << "CDC_TEST_DSN is not set: no test of this file has run against a server";
        }
        static int count = 0;
        name_ = "cdc_source_test_" + std::to_string(getpid()) + "_" + std::to_string(++count);
        server_dsn_ = dsn;
        connect(server_dsn_, admin_);
        run(*admin_, "CREATE DATABASE " + name_);
        dsn_ = server_dsn_ + " dbname=" + name_;
        connect(dsn_, sql_);
        run(*sql_, "CREATE EXTENSION cdc_envelope");
    }

    void TearDown() override {
        sql_.reset();
        if (!admin_) return;
        run(*admin_, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '" +
                         name_ + "'");
        eventually("slots are free", [&] {
            return value(*admin_, "SELECT count(*) FROM pg_replication_slots WHERE active AND database = '" +
                                      name_ + "'") == "0";
        });
        run(*admin_,
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '" +
                name_ + "'");
        run(*admin_, "DROP DATABASE " + name_ + " WITH (FORCE)");
    }

    void run(pq::Connection& connection, const std::string& sql) {
        const Status status = connection.execute(sql);
        ASSERT_TRUE(status.ok()) << sql << ": " << status.to_string();
    }
    void run(const std::string& sql) { run(*sql_, sql); }

    std::string value(pq::Connection& connection, const std::string& sql) {
        auto rows = connection.query(sql);
        EXPECT_TRUE(rows.ok()) << sql << ": " << rows.status().to_string();
        return rows.ok() && rows->count() > 0 ? std::string(rows->text(0, 0)) : "";
    }
    std::string value(const std::string& sql) { return value(*sql_, sql); }

    void connect(const std::string& dsn, std::unique_ptr<pq::Connection>& connection) {
        auto opened = pq::Connection::open(dsn, "cdc test", pq::Mode::sql, {});
        ASSERT_TRUE(opened.ok()) << opened.status().to_string();
        connection = std::make_unique<pq::Connection>(std::move(*opened));
    }

    template <typename Condition>
    void eventually(const char* what, Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(15);
        while (!condition()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "never: " << what;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }

    // Slots are named per server: the database's name keeps parallel runs apart.
    std::string slot_name() const { return name_; }

    ReplicationStream open_stream() {
        auto stream = ReplicationStream::open(dsn_, "cdc test");
        EXPECT_TRUE(stream.ok()) << stream.status().to_string();
        return std::move(*stream);
    }

    // Everything the stream sends until a payload holds `until`, joined; or the failure's text.
    std::string read_until(ReplicationStream& stream, const std::string& until) {
        std::string all;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(15);
        while (std::chrono::steady_clock::now() < deadline) {
            auto message = stream.read();
            if (!message.ok()) return all + "\nfailed: " + message.status().to_string();
            if (!message->has_value()) {
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
                continue;
            }
            if (const auto* data = std::get_if<XLogData>(&**message)) {
                all.append(data->payload).append("\n");
                if (data->payload.find(until) != std::string_view::npos) return all;
            }
        }
        return all + "\nnever: " + until;
    }

    static int lines_with(const std::string& text, const std::string& word) {
        int count = 0;
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            if (line.find(word) != std::string::npos) ++count;
        }
        return count;
    }

    std::string name_, server_dsn_, dsn_;
    std::unique_ptr<pq::Connection> admin_, sql_;
};

}  // namespace cdc::source
