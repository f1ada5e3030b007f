#include "pq/connect_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pq/sqlstate.h"

namespace cdc::pq {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ConnectError, a_wrong_password_is_fatal_and_loses_its_sqlstate_and_location) {
    const Status status = connect_error(
        "connection to server at \"10.0.0.1\", port 5432 failed: FATAL:  28P01: password authentication "
        "failed "
        "for user \"cdc\"\nLOCATION:  auth_failed, auth.c:335\n",
        false);
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_EQ(
        status.message(),
        "connection to server at \"10.0.0.1\", port 5432 failed: password authentication failed for user "
        "\"cdc\"");
    EXPECT_THAT(status.hint(), HasSubstr("password"));
}

TEST(ConnectError, a_translated_severity_is_understood) {
    const Status status = connect_error(
        "Verbindung fehlgeschlagen: SCHWERWIEGEND:  3D000: Datenbank \"x\" existiert nicht\n", false);
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_EQ(status.message(), "Verbindung fehlgeschlagen: Datenbank \"x\" existiert nicht");
}

TEST(ConnectError, a_starting_server_is_tried_again) {
    const Status status = connect_error("FATAL:  57P03: the database system is starting up\n", false);
    EXPECT_EQ(status.code(), StatusCode::retry);
    EXPECT_EQ(status.message(), "the database system is starting up");
}

TEST(ConnectError, a_refused_network_connection_is_tried_again_and_keeps_its_second_line) {
    const Status status = connect_error(
        "connection to server at \"h\", port 1 failed: Connection refused\n\tIs the server running "
        "on that host and accepting TCP/IP connections?\n",
        false);
    EXPECT_EQ(status.code(), StatusCode::retry);
    EXPECT_EQ(
        status.message(),
        "connection to server at \"h\", port 1 failed: Connection refused Is the server running on that "
        "host and accepting TCP/IP connections?");
}

TEST(ConnectError, one_host_that_is_starting_outweighs_one_that_refuses) {
    const Status status = connect_error(
        "a failed: FATAL:  28000: no pg_hba.conf entry\nb failed: FATAL:  57P03: starting up\n", false);
    EXPECT_EQ(status.code(), StatusCode::retry);
    EXPECT_THAT(status.message(), HasSubstr("no pg_hba.conf entry"));
    EXPECT_THAT(status.message(), HasSubstr("starting up"));
}

TEST(ConnectError, a_missing_password_is_fatal_though_it_has_no_sqlstate) {
    const Status status = connect_error("connection failed: fe_sendauth: no password supplied\n", true);
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.hint(), HasSubstr("password"));
}

TEST(ConnectError, what_libpq_refuses_itself_is_fatal) {
    EXPECT_EQ(connect_error("server does not support SSL, but SSL was required\n", false).code(),
              StatusCode::fatal);
    EXPECT_EQ(connect_error("SSL error: certificate verify failed\n", false).code(), StatusCode::fatal);
    EXPECT_EQ(connect_error("invalid sslmode value: \"perhaps\"\n", false).code(), StatusCode::fatal);
    EXPECT_EQ(connect_error("SSL SYSCALL error: EOF detected\n", false).code(), StatusCode::retry);
}

TEST(ConnectError, text_that_only_looks_like_an_sqlstate_stays) {
    const Status status = connect_error("server said:  hello: world\n", false);
    EXPECT_EQ(status.code(), StatusCode::retry);
    EXPECT_EQ(status.message(), "server said:  hello: world");
}

TEST(Sqlstate, passing_troubles) {
    for (const char* state :
         {"08006", "08001", "57P01", "57P02", "57P03", "53300", "40001", "40P01", "55P03"}) {
        EXPECT_TRUE(is_passing(state)) << state;
    }
    for (const char* state : {"", "28P01", "42501", "22P02", "23505", "57014", "XX000"}) {
        EXPECT_FALSE(is_passing(state)) << state;
    }
}

}  // namespace
}  // namespace cdc::pq
