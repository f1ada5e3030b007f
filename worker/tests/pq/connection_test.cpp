// Connection on a real server (CDC_TEST_DSN, key=value form, a superuser).
#include "pq/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace cdc::pq {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ConnectionOnServer : public ::testing::Test {
  protected:
    void SetUp() override {
        const char* dsn = std::getenv("CDC_TEST_DSN");
        if (dsn == nullptr || *dsn == '\0') {
            GTEST_SKIP() << "CDC_TEST_DSN is not set: no test of this file has run against a server";
        }
        dsn_ = dsn;
    }
    Connection open(const std::string& more = "", const std::vector<std::string>& settings = {}) {
        auto opened = Connection::open(dsn_ + more, "cdc test", Mode::sql, settings);
        EXPECT_TRUE(opened.ok()) << opened.status().to_string();
        return std::move(*opened);
    }
    static std::string value(Connection& connection, const std::string& sql) {
        auto rows = connection.query(sql);
        return rows.ok() && rows->count() == 1 ? std::string(rows->text(0, 0)) : rows.status().to_string();
    }
    std::string dsn_;
};

TEST(Connection, a_dsn_that_is_none_is_refused_without_quoting_it) {
    const Status status = Connection::open("host=x password=two words", "cdc test", Mode::sql, {}).status();
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.to_string(), Not(HasSubstr("words")));
}

TEST_F(ConnectionOnServer, settings_win_over_the_dsns_options_and_may_hold_blanks) {
    Connection connection =
        open(" options='-c work_mem=5MB -c statement_timeout=7'",
             {"statement_timeout=0", "search_path=", "DateStyle=ISO, DMY", "cluster_name_of.mine=a \\b"});
    EXPECT_EQ(value(connection, "SHOW work_mem"), "5MB");
    EXPECT_EQ(value(connection, "SHOW statement_timeout"), "0");
    EXPECT_EQ(value(connection, "SHOW search_path"), "");
    EXPECT_EQ(value(connection, "SHOW datestyle"), "ISO, DMY");
    EXPECT_EQ(value(connection, "SHOW cluster_name_of.mine"), "a \\b");
    EXPECT_EQ(value(connection, "SHOW client_encoding"), "UTF8");
    EXPECT_EQ(value(connection, "SHOW application_name"), "cdc test");
}

TEST_F(ConnectionOnServer, the_dsn_may_change_what_is_only_a_default) {
    Connection connection = open(" application_name=mine");
    EXPECT_EQ(value(connection, "SHOW application_name"), "mine");
}

TEST_F(ConnectionOnServer, refusals_are_told_apart) {
    const auto refused = [&](const std::string& more) {
        return Connection::open(dsn_ + more, "cdc test", Mode::sql, {}).status();
    };
    EXPECT_EQ(refused(" dbname=no_such_database").code(), StatusCode::fatal);
    EXPECT_EQ(refused(" user=no_such_role").code(), StatusCode::fatal);
    EXPECT_EQ(refused(" port=1").code(), StatusCode::retry);
    EXPECT_EQ(refused(" host=/nowhere").code(), StatusCode::retry);
    EXPECT_EQ(refused(" sslmode=sometimes").code(), StatusCode::fatal);
    EXPECT_THAT(refused(" dbname=no_such_database").message(), Not(HasSubstr("LOCATION")));
}

TEST_F(ConnectionOnServer, errors_of_statements_say_what_and_keep_values_out) {
    Connection connection = open();
    ASSERT_TRUE(
        connection.execute("CREATE TEMP TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (918273)").ok());
    const Status duplicate = connection.execute("INSERT INTO t VALUES (918273)");
    EXPECT_EQ(duplicate.code(), StatusCode::fatal);
    EXPECT_EQ(connection.last_sqlstate(), "23505");
    EXPECT_THAT(duplicate.to_string(), Not(HasSubstr("918273")));
    EXPECT_EQ(connection.execute("SELECT pg_terminate_backend(pg_backend_pid())").code(), StatusCode::retry);
    EXPECT_EQ(connection.execute("SELECT 1").code(), StatusCode::retry);
    EXPECT_EQ(connection.last_sqlstate(), "");
}

TEST_F(ConnectionOnServer, parameters_and_nulls) {
    Connection connection = open();
    auto rows = connection.query("SELECT $1::text, $2::text", {"it's", nullptr});
    ASSERT_TRUE(rows.ok());
    EXPECT_EQ(rows->text(0, 0), "it's");
    EXPECT_TRUE(rows->is_null(0, 1));
}

TEST_F(ConnectionOnServer, quoting_round_trips_and_refuses_what_it_cannot_keep) {
    Connection connection = open();
    for (const std::string text : {"plain", "it's \\ \"odd\"", "snow \xe2\x98\x83", ""}) {
        auto literal = connection.quote_literal(text);
        ASSERT_TRUE(literal.ok());
        EXPECT_EQ(value(connection, "SELECT " + *literal), text);
    }
    auto identifier = connection.quote_identifier("a\"b c");
    ASSERT_TRUE(identifier.ok());
    EXPECT_EQ(*identifier, "\"a\"\"b c\"");
    EXPECT_EQ(connection.quote_literal(std::string_view("a\0b", 3)).status().code(), StatusCode::fatal);
    EXPECT_EQ(connection.quote_identifier("\xff\xfe").status().code(), StatusCode::fatal);
}

}  // namespace
}  // namespace cdc::pq
