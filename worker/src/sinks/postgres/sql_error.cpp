#include "sinks/postgres/sql_error.h"

#include <algorithm>
#include <array>
#include <utility>

#include "pq/sqlstate.h"

namespace cdc::projection {
namespace {

std::string field_of(const PGresult* result, int code) {
    const char* value = result == nullptr ? nullptr : PQresultErrorField(result, code);
    return value == nullptr ? "" : value;
}

bool passes(std::string_view sqlstate) {
    static constexpr std::array<std::string_view, 8> states = {
        "55P03",  // lock_not_available (lock_timeout)
        "57014",  // query_canceled
        "57P05",  // idle_session_timeout
        "25P03",  // idle_in_transaction_session_timeout
        "25006",  // read_only_sql_transaction: a primary became a standby
        "58030",  // io_error
        "26000",  // the session's prepared statements are gone (a pooler, DISCARD ALL)
        "53100",  // disk_full
    };
    return cdc::pq::is_passing(sqlstate) || sqlstate.starts_with("53") || sqlstate.starts_with("40") ||
           std::ranges::find(states, sqlstate) != states.end();
}

// A trigger may raise under a code of its own making, which has no class of PostgreSQL's ("Appendix A.
// PostgreSQL Error Codes").
bool is_made_up(std::string_view sqlstate) {
    static constexpr std::array<std::string_view, 44> classes = {
        "00", "01", "02", "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21",
        "22", "23", "24", "25", "26", "27", "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D",
        "3F", "40", "42", "44", "53", "54", "55", "57", "58", "72", "F0", "HV", "P0", "XX"};
    return std::ranges::find(classes, sqlstate.substr(0, 2)) == classes.end();
}

bool is_of_data(std::string_view sqlstate) {
    // 09, 27, 38, 39: what a trigger, or a function that it calls, ended with.
    static constexpr std::array<std::string_view, 10> classes = {"09", "21", "22", "23", "27",
                                                                 "38", "39", "44", "54", "P0"};
    return is_made_up(sqlstate) || std::ranges::any_of(classes, [&](std::string_view prefix) {
               return sqlstate.starts_with(prefix);
           });
}

// What the source allows, a constraint that someone has given the projection may not.
std::string way_out(const PGresult* result, std::string_view sqlstate) {
    constexpr std::string_view check = "23514", exclusion = "23P01";
    if (sqlstate != check && sqlstate != exclusion) return {};
    return "drop constraint " + field_of(result, PG_DIAG_CONSTRAINT_NAME) + " of the projection table " +
           field_of(result, PG_DIAG_TABLE_NAME) +
           ", which the source has not, or have what it refuses parked (sink: on_reject: park)";
}

}  // namespace

StatusCode status_code_of(std::string_view sqlstate) {
    if (sqlstate.empty() || passes(sqlstate))
        return StatusCode::retry;  // empty: libpq speaks, of the connection
    return is_of_data(sqlstate) ? StatusCode::reject : StatusCode::fatal;
}

std::string sqlstate_of(const PGresult* result) {
    return field_of(result, PG_DIAG_SQLSTATE);
}

Status sql_error(const PGconn* connection, const PGresult* result, const std::string& where) {
    const std::string state = sqlstate_of(result);
    std::string message = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty()) {
        message = PQerrorMessage(connection);
        message = message.substr(0, message.find('\n'));
    }
    if (message.empty()) message = "the connection broke";
    message = where + ": " + message;
    if (!state.empty()) message += " (SQLSTATE " + state + ")";
    std::string hint = field_of(result, PG_DIAG_MESSAGE_HINT);
    if (PQstatus(connection) == CONNECTION_BAD) return Status::retry(std::move(message), std::move(hint));
    switch (status_code_of(state)) {
        case StatusCode::retry:
            return Status::retry(std::move(message), std::move(hint));
        case StatusCode::reject:
            if (hint.empty()) hint = way_out(result, state);
            return Status::reject(std::move(message), std::move(hint));
        default:
            if (hint.empty() && state == "42501")
                hint = "grant the sink's role what it needs on the projection";
            return Status::fatal(std::move(message), std::move(hint));
    }
}

}  // namespace cdc::projection
