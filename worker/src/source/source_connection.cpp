#include "source/source_connection.h"

#include <poll.h>

#include <memory>
#include <optional>

namespace cdc::source {
namespace {

struct CancelDeleter {
    void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
};

void drop_results(PGconn* connection) {
    while (PGresult* result = PQgetResult(connection)) {
        const bool copying = PQresultStatus(result) == PGRES_COPY_OUT;
        PQclear(result);
        char* row = nullptr;
        while (copying && PQgetCopyData(connection, &row, 0) > 0)
            PQfreemem(row);
    }
}

}  // namespace

void cancel_statement(PGconn* connection) {
    const std::unique_ptr<PGcancel, CancelDeleter> cancel(PQgetCancel(connection));
    char refusal[256];
    // A cancel that does not arrive leaves the statement to the server, which ends it with the connection.
    if (cancel != nullptr) PQcancel(cancel.get(), refusal, sizeof(refusal));
    drop_results(connection);
}

Result<pq::Connection> open_source_connection(const std::string& dsn, const std::string& application_name,
                                              pq::Mode mode) {
    auto connection = pq::Connection::open(
        dsn, application_name, mode,
        {"search_path=", "statement_timeout=0", "lock_timeout=0", "idle_in_transaction_session_timeout=0"});
    if (!connection.ok()) return connection;
    // Not at start: an older server would refuse the connection over a setting that it does not know.
    if (connection->server_version() >= 140000) {
        CDC_RETURN_IF_ERROR(connection->execute("SET idle_session_timeout = 0"));
    }
    if (connection->server_version() >= 170000) {
        CDC_RETURN_IF_ERROR(connection->execute("SET transaction_timeout = 0"));
    }
    return connection;
}

Result<pq::Rows> query_interruptible(pq::Connection& connection, const std::string& sql,
                                     const StopCheck& stop, const std::function<void()>& on_wait,
                                     const std::function<Status(const PGresult*)>& on_refusal) {
    PGconn* native = connection.native();
    if (PQsendQuery(native, sql.c_str()) == 0) return connection.error("");
    std::optional<pq::Rows> rows;
    for (;;) {
        while (PQisBusy(native) != 0) {
            if (stop && stop()) {
                cancel_statement(native);
                return Status::retry("stopped while waiting for the server");
            }
            pollfd entry{PQsocket(native), POLLIN, 0};
            const int ready = poll(&entry, 1, wait_step_ms);
            if (ready == 0 && on_wait) on_wait();
            if (ready > 0 && PQconsumeInput(native) == 0) return connection.error("");
        }
        PGresult* result = PQgetResult(native);
        if (result == nullptr) break;
        rows.emplace(result);
        const ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
            const Status refused = on_refusal ? on_refusal(result) : connection.error("", result);
            drop_results(native);
            return refused;
        }
    }
    if (!rows) return Status::retry("the server gave no answer");
    return std::move(*rows);
}

}  // namespace cdc::source
