// Connection: RAII over libpq's PGconn, and Query results over PGresult; the only file that opens a database
// connection. Blocking calls for set-up and queries; native() for the loops that poll
// (source/replication_stream, sinks/postgres). Owner: whoever holds it. Thread: one at a time. Failure:
// Status::retry where the server can't be reached or the connection broke, Status::fatal where the server
// refuses what we are (password, role, database, pg_hba) or what we asked (any SQL error). Passwords never
// appear in a message.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace cdc::pq {

struct ResultDeleter {
    void operator()(PGresult* result) const { PQclear(result); }
};
struct ConnectionDeleter {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};

// Rows of one query. Copyable text accessors only; values stay valid while the Rows lives.
class Rows {
  public:
    explicit Rows(PGresult* result) : result_(result) {}
    int count() const { return PQntuples(result_.get()); }
    bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
    std::string_view text(int row, int column) const {
        return {PQgetvalue(result_.get(), row, column),
                static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
    }
    const PGresult* native() const { return result_.get(); }

  private:
    std::unique_ptr<PGresult, ResultDeleter> result_;
};

enum class Mode {
    sql,
    replication
};  // replication: a walsender bound to the database (replication=database)

class Connection {
  public:
    // dsn: a libpq connection string or URI. settings: run-time parameters set at start ("-c name=value"
    // pairs, before the first statement), as {"statement_timeout=0", …}. application_name shows in
    // pg_stat_activity. Where the dsn does not say otherwise: TCP keepalives after 10 s (5 s, three times)
    // and tcp_user_timeout 25 s, so that a half-open connection is noticed, and 10 s per host to connect.
    // Warnings of the server go to the log.
    static Result<Connection> open(const std::string& dsn, const std::string& application_name, Mode mode,
                                   const std::vector<std::string>& settings);

    // One statement, or several without parameters; text results.
    Result<Rows> query(const std::string& sql);
    // One statement with text parameters; nullptr is NULL.
    Result<Rows> query(const std::string& sql, const std::vector<const char*>& parameters);
    Status execute(const std::string& sql);

    // Quoted for SQL: "identifier" and 'literal'. Fatal where the text is not valid in the client encoding
    // (UTF8).
    Result<std::string> quote_identifier(std::string_view text) const;
    Result<std::string> quote_literal(std::string_view text) const;

    // The server's last error on this connection as a Status; where says what was being done. The server's
    // detail is left out where it could quote a row's values (SQLSTATE classes 22, 23 and P0).
    Status error(const std::string& where, const PGresult* result = nullptr) const;

    // The SQLSTATE of the last statement that query or execute refused ("42P01"); empty where it was libpq
    // that spoke (the connection broke).
    const std::string& last_sqlstate() const { return last_sqlstate_; }

    PGconn* native() const { return connection_.get(); }
    int server_version() const { return PQserverVersion(connection_.get()); }

  private:
    explicit Connection(PGconn* connection) : connection_(connection) {}
    Result<Rows> checked(PGresult* result);

    std::unique_ptr<PGconn, ConnectionDeleter> connection_;
    std::string last_sqlstate_;
};

}  // namespace cdc::pq
