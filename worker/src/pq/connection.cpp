#include "pq/connection.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "base/log.h"
#include "pq/connect_error.h"
#include "pq/sqlstate.h"

namespace cdc::pq {
namespace {

using Clock = std::chrono::steady_clock;
using ConnectionPtr = std::unique_ptr<PGconn, ConnectionDeleter>;

struct OptionsDeleter {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using OptionsPtr = std::unique_ptr<PQconninfoOption, OptionsDeleter>;

std::string option_value(const PQconninfoOption* options, std::string_view keyword) {
    for (; options != nullptr && options->keyword != nullptr; ++options) {
        if (keyword == options->keyword && options->val != nullptr) return options->val;
    }
    return {};
}

// Blanks and backslashes are separators in libpq's "options" (pg_split_opts in the server).
std::string escaped_setting(std::string_view setting) {
    std::string escaped = " -c ";
    for (const char c : setting) {
        if (c == ' ' || c == '\\') escaped += '\\';
        escaped += c;
    }
    return escaped;
}

// The dsn's own options (or the environment's, which libpq would only take where the dsn has none) come
// first, so that ours win.
std::string startup_options(const PQconninfoOption* parsed, const std::vector<std::string>& settings) {
    std::string options = option_value(parsed, "options");
    if (const char* environment = std::getenv("PGOPTIONS"); options.empty() && environment != nullptr) {
        options = environment;
    }
    for (const std::string& setting : settings)
        options += escaped_setting(setting);
    return options;
}

void log_notice(void*, const PGresult* notice) {
    const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char* text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (text == nullptr) return;
    if (severity != nullptr && std::strcmp(severity, "WARNING") == 0) {
        log_warning("server: {}", text);
    } else {
        log_debug("server: {}", text);
    }
}

// connect_timeout counts per host in libpq's blocking call; here it bounds all of them together.
Clock::time_point connect_deadline(PGconn* connection) {
    constexpr int default_seconds = 10;
    const OptionsPtr options(PQconninfo(connection));
    int seconds = std::atoi(option_value(options.get(), "connect_timeout").c_str());
    if (seconds <= 0) seconds = default_seconds;
    const std::string hosts = option_value(options.get(), "host");
    return Clock::now() + std::chrono::seconds(seconds) * (1 + std::ranges::count(hosts, ','));
}

// False on timeout.
bool wait_for(PGconn* connection, short events, Clock::time_point deadline) {
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) return false;
        pollfd entry{PQsocket(connection), events, 0};
        const int ready = poll(&entry, 1, static_cast<int>(left.count()));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return true;  // libpq meets the same error and words it
    }
}

Status wait_until_connected(PGconn* connection) {
    const Clock::time_point deadline = connect_deadline(connection);
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (PQstatus(connection) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
           state != PGRES_POLLING_FAILED) {
        if (!wait_for(connection, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline)) {
            return Status::retry("the server did not answer in time",
                                 "connect_timeout in the dsn sets how long to wait, in seconds");
        }
        state = PQconnectPoll(connection);
    }
    if (PQstatus(connection) == CONNECTION_OK) return {};
    return connect_error(PQerrorMessage(connection), PQconnectionNeedsPassword(connection) != 0);
}

std::string first_line(const char* text) {
    const std::string_view view = text == nullptr ? "" : text;
    return std::string(view.substr(0, view.find('\n')));
}

Result<std::string> quoted(char* escaped, PGconn* connection) {
    if (escaped == nullptr) {
        return Status::fatal("text can't be quoted for SQL: " + first_line(PQerrorMessage(connection)));
    }
    std::string text(escaped);
    PQfreemem(escaped);
    return text;
}

// libpq's quoting would stop at a NUL and quote the beginning only.
Status refuse_nul(std::string_view text) {
    if (text.find('\0') == std::string_view::npos) return {};
    return Status::fatal("text with a NUL byte can't be quoted for SQL");
}

std::string field_of(const PGresult* result, int code) {
    const char* value = result == nullptr ? nullptr : PQresultErrorField(result, code);
    return value == nullptr ? "" : value;
}

// data_exception, integrity_constraint_violation, raise_exception: "Key (id)=(1) already exists".
bool quotes_values(std::string_view sqlstate) {
    return sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate.starts_with("P0");
}

}  // namespace

Result<Connection> Connection::open(const std::string& dsn, const std::string& application_name, Mode mode,
                                    const std::vector<std::string>& settings) {
    const OptionsPtr parsed(PQconninfoParse(dsn.c_str(), nullptr));
    if (parsed == nullptr) {
        // libpq's message would quote the piece that it stumbled over, which may be one of the password.
        return Status::fatal("the dsn is not a valid connection string",
                             "it takes \"key=value …\" with values in single quotes where they hold blanks, "
                             "or a postgresql:// URI with special characters percent-encoded");
    }
    const std::string options = startup_options(parsed.get(), settings);
    // Before dbname: defaults that the dsn may change. After it: what must be so.
    const char* keywords[] = {"application_name",
                              "keepalives_idle",
                              "keepalives_interval",
                              "keepalives_count",
                              "tcp_user_timeout",
                              "dbname",
                              "client_encoding",
                              "options",
                              mode == Mode::replication ? "replication" : nullptr,
                              nullptr};
    const char* values[] = {application_name.c_str(), "10",       "5",    "3", "25000", dsn.c_str(), "UTF8",
                            options.c_str(),          "database", nullptr};
    ConnectionPtr connection(PQconnectStartParams(keywords, values, 1));
    if (connection == nullptr) return Status::retry("out of memory while connecting");
    PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
    CDC_RETURN_IF_ERROR(wait_until_connected(connection.get()));
    PQsetErrorVerbosity(connection.get(), PQERRORS_DEFAULT);
    PQsetNoticeReceiver(connection.get(), log_notice, nullptr);
    return Connection(connection.release());
}

Result<Rows> Connection::query(const std::string& sql) {
    return checked(PQexec(native(), sql.c_str()));
}

Result<Rows> Connection::query(const std::string& sql, const std::vector<const char*>& parameters) {
    return checked(PQexecParams(native(), sql.c_str(), static_cast<int>(parameters.size()), nullptr,
                                parameters.data(), nullptr, nullptr, 0));
}

Result<Rows> Connection::checked(PGresult* result) {
    Rows rows(result);
    last_sqlstate_ = field_of(result, PG_DIAG_SQLSTATE);
    switch (PQresultStatus(result)) {
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
            return rows;
        default:
            return error("", result);
    }
}

Status Connection::execute(const std::string& sql) {
    return query(sql).status();
}

Result<std::string> Connection::quote_identifier(std::string_view text) const {
    CDC_RETURN_IF_ERROR(refuse_nul(text));
    return quoted(PQescapeIdentifier(native(), text.data(), text.size()), native());
}

Result<std::string> Connection::quote_literal(std::string_view text) const {
    CDC_RETURN_IF_ERROR(refuse_nul(text));
    return quoted(PQescapeLiteral(native(), text.data(), text.size()), native());
}

Status Connection::error(const std::string& where, const PGresult* result) const {
    const std::string state = field_of(result, PG_DIAG_SQLSTATE);
    std::string message = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty()) message = first_line(PQerrorMessage(native()));
    if (message.empty()) message = "the connection broke";
    const std::string detail = field_of(result, PG_DIAG_MESSAGE_DETAIL);
    if (!detail.empty() && !quotes_values(state)) message += " (" + detail + ")";
    if (!where.empty()) message = where + ": " + message;
    // Without an SQLSTATE it is libpq that speaks: of the connection.
    const bool passing = state.empty() || is_passing(state) || PQstatus(native()) == CONNECTION_BAD;
    std::string hint = field_of(result, PG_DIAG_MESSAGE_HINT);
    return passing ? Status::retry(std::move(message), std::move(hint))
                   : Status::fatal(std::move(message), std::move(hint));
}

}  // namespace cdc::pq
