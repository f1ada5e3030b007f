#include "sinks/postgres/session.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "sinks/postgres/sql_error.h"

namespace cdc::projection {
namespace {

// Past this, statements are parsed each time they are sent: a table of many TOAST columns has a statement for
// every combination of unchanged ones.
constexpr std::size_t max_prepared = 1000;

// search_path: format_type qualifies every name then. lc_monetary, xmloption, DateStyle: how input is read.
// The planner's switches: a prepared statement planned while a table was still empty would scan it for ever;
// by its key is always right here.
const std::vector<std::string> session_settings = {"search_path=pg_catalog",
                                                   "DateStyle=ISO, YMD",
                                                   "IntervalStyle=iso_8601",
                                                   "TimeZone=UTC",
                                                   "lc_monetary=C",
                                                   "lc_numeric=C",
                                                   "xmloption=content",
                                                   "statement_timeout=0",
                                                   "lock_timeout=0",
                                                   "idle_in_transaction_session_timeout=0",
                                                   "enable_seqscan=off",
                                                   "enable_hashjoin=off",
                                                   "enable_mergejoin=off",
                                                   "jit=off",
                                                   "default_transaction_isolation=read committed",
                                                   "default_transaction_read_only=off"};

// Parameters as libpq takes them.
struct RawParameters {
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;

    explicit RawParameters(const std::vector<Parameter>& parameters) {
        for (const Parameter& parameter : parameters) {
            values.push_back(parameter.bytes.c_str());
            lengths.push_back(static_cast<int>(parameter.bytes.size()));
            formats.push_back(parameter.binary ? 1 : 0);
        }
    }
    int count() const { return static_cast<int>(values.size()); }
};

}  // namespace

Session::~Session() {
    if (epoll_fd_ >= 0) ::close(epoll_fd_);
}

Result<std::unique_ptr<Session>> Session::open(const std::string& dsn, const std::string& application_name) {
    Result<pq::Connection> connection =
        pq::Connection::open(dsn, application_name, pq::Mode::sql, session_settings);
    if (!connection.ok()) return connection.status();
    std::unique_ptr<Session> session(new Session(std::move(connection).value()));
    CDC_RETURN_IF_ERROR(session->start());
    return session;
}

Status Session::start() {
    Result<pq::Rows> rows = run("reading synchronous_commit", "SHOW synchronous_commit");
    if (!rows.ok()) return rows.status();
    durable_commit_ = rows->text(0, 0);
    if (durable_commit_ == "off") durable_commit_ = "on";
    CDC_RETURN_IF_ERROR(run_script("setting synchronous_commit", "SET synchronous_commit = off"));
    // Not at start: an older server would refuse the connection over a setting that it does not know.
    if (PQserverVersion(native()) >= 140000) {
        CDC_RETURN_IF_ERROR(run_script("setting idle_session_timeout", "SET idle_session_timeout = 0"));
        // Frees the locks of a worker that is gone while one of its statements still waits. Refused by
        // servers on platforms that can't tell; then that takes until the statement ends.
        (void)run_script("setting client_connection_check_interval",
                         "SET client_connection_check_interval = '2s'");
    }
    if (PQserverVersion(native()) >= 170000) {
        CDC_RETURN_IF_ERROR(run_script("setting transaction_timeout", "SET transaction_timeout = 0"));
    }
    PQsetnonblocking(native(), 1);
    epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd_ < 0) return Status::retry("could not create an epoll descriptor");
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, PQsocket(native()), &event) != 0) {
        return Status::retry("could not watch the connection");
    }
    return {};
}

Status Session::broken(const std::string& where) const {
    return sql_error(native(), nullptr, where);
}

Status Session::enter_pipeline() {
    if (PQpipelineStatus(native()) != PQ_PIPELINE_OFF) return {};
    return PQenterPipelineMode(native()) == 1 ? Status() : broken("entering pipeline mode");
}

Status Session::leave_pipeline() {
    if (PQpipelineStatus(native()) == PQ_PIPELINE_OFF) return {};
    return PQexitPipelineMode(native()) == 1 ? Status() : broken("leaving pipeline mode");
}

Result<pq::Rows> Session::run(const std::string& where, const std::string& sql,
                              const std::vector<std::optional<std::string>>& parameters) {
    CDC_RETURN_IF_ERROR(leave_pipeline());
    std::vector<const char*> values;
    for (const std::optional<std::string>& parameter : parameters)
        values.push_back(parameter ? parameter->c_str() : nullptr);
    pq::Rows rows(PQexecParams(native(), sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                               nullptr, nullptr, 0));
    const ExecStatusType status = PQresultStatus(rows.native());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        return sql_error(native(), rows.native(), where);
    return rows;
}

Status Session::run_script(const std::string& where, const std::string& sql) {
    CDC_RETURN_IF_ERROR(leave_pipeline());
    const pq::Rows rows(PQexec(native(), sql.c_str()));
    const ExecStatusType status = PQresultStatus(rows.native());
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return {};
    return sql_error(native(), rows.native(), where);
}

Status Session::run_long(const std::string& where, const std::string& sql,
                         const std::function<bool()>& go_on) {
    CDC_RETURN_IF_ERROR(leave_pipeline());
    if (PQsendQuery(native(), sql.c_str()) != 1) return broken(where);
    bool cancelled = false;
    CDC_RETURN_IF_ERROR(exchange());
    while (PQisBusy(native()) != 0) {
        wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(200));
        CDC_RETURN_IF_ERROR(exchange());
        if (cancelled || go_on()) continue;
        cancelled = true;
        PGcancel* const cancel = PQgetCancel(native());
        std::array<char, 256> why{};
        const bool asked = cancel != nullptr && PQcancel(cancel, why.data(), std::ssize(why)) == 1;
        PQfreeCancel(cancel);
        if (!asked) return Status::retry(where + ": could not be cancelled: " + why.data());
    }
    Status status;
    while (PGresult* more = PQgetResult(native())) {
        const pq::Rows rows(more);
        const bool done = PQresultStatus(more) == PGRES_COMMAND_OK || PQresultStatus(more) == PGRES_TUPLES_OK;
        if (!done && status.ok()) status = sql_error(native(), more, where);
    }
    return status;
}

Status Session::sent(int ok, Ticket ticket) {
    if (ok != 1) return broken("sending to the target");
    waiting_.push_back(std::move(ticket));
    return {};
}

// The name of the prepared statement, preparing it first where it is new; empty where there are too many.
Result<std::string> Session::prepared_name(const std::string& sql) {
    if (const auto known = prepared_.find(sql); known != prepared_.end()) return known->second;
    if (prepared_.size() >= max_prepared) return std::string();
    std::string name = "cdc" + std::to_string(prepared_.size() + 1);
    Ticket ticket;
    ticket.purpose = Purpose::prepare;
    ticket.sql = sql;
    CDC_RETURN_IF_ERROR(
        sent(PQsendPrepare(native(), name.c_str(), sql.c_str(), 0, nullptr), std::move(ticket)));
    prepared_.emplace(sql, name);
    return name;
}

Status Session::send(const std::string& sql, const std::vector<Parameter>& parameters, Ticket ticket) {
    CDC_RETURN_IF_ERROR(enter_pipeline());
    Result<std::string> name = prepared_name(sql);
    if (!name.ok()) return name.status();
    const RawParameters raw(parameters);
    const int ok = name->empty()
                       ? PQsendQueryParams(native(), sql.c_str(), raw.count(), nullptr, raw.values.data(),
                                           raw.lengths.data(), raw.formats.data(), 0)
                       : PQsendQueryPrepared(native(), name->c_str(), raw.count(), raw.values.data(),
                                             raw.lengths.data(), raw.formats.data(), 0);
    return sent(ok, std::move(ticket));
}

Status Session::forget_prepared() {
    prepared_.clear();
    return run_script("forgetting prepared statements", "DEALLOCATE ALL");
}

Status Session::request_results() {
    return PQsendFlushRequest(native()) == 1 ? Status() : broken("sending to the target");
}

Status Session::send_sync() {
    CDC_RETURN_IF_ERROR(enter_pipeline());
    Ticket ticket;
    ticket.purpose = Purpose::sync;
    return sent(PQpipelineSync(native()), std::move(ticket));
}

Status Session::begin_copy(const std::string& where, const std::string& sql) {
    CDC_RETURN_IF_ERROR(leave_pipeline());
    const pq::Rows begun(PQexec(native(), sql.c_str()));
    if (PQresultStatus(begun.native()) != PGRES_COPY_IN) return sql_error(native(), begun.native(), where);
    copying_ = true;
    return {};
}

Status Session::put_copy(std::string_view lines) {
    const int put = PQputCopyData(native(), lines.data(), static_cast<int>(lines.size()));
    return put == 1 ? Status() : broken("sending to the target");
}

Result<pq::Rows> Session::end_copy(const char* why_not) {
    copying_ = false;
    while (true) {
        const int ended = PQputCopyEnd(native(), why_not);
        if (ended < 0) return broken("sending to the target");
        CDC_RETURN_IF_ERROR(exchange());
        if (ended == 1) break;
        wait(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    }
    while (PQisBusy(native()) != 0) {
        wait(std::chrono::steady_clock::now() + std::chrono::seconds(1));
        CDC_RETURN_IF_ERROR(exchange());
    }
    pq::Rows result(PQgetResult(native()));
    while (PGresult* more = PQgetResult(native()))
        PQclear(more);
    return result;
}

Status Session::exchange() {
    const int left = PQflush(native());
    if (left < 0) return broken("sending to the target");
    if (output_pending_ != (left == 1)) {
        output_pending_ = left == 1;
        watch_output();
    }
    if (PQconsumeInput(native()) != 1) return broken("reading from the target");
    return {};
}

void Session::watch_output() {
    epoll_event event{};
    event.events = output_pending_ ? EPOLLIN | EPOLLOUT : EPOLLIN;
    epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, PQsocket(native()), &event);
}

std::optional<Reply> Session::receive() {
    if (waiting_.empty()) return std::nullopt;
    if (current_ == nullptr) {
        if (PQisBusy(native()) != 0) return std::nullopt;
        current_.reset(PQgetResult(native()));
        if (current_ == nullptr) return std::nullopt;
    }
    // Each statement's results end with a null one; a Sync's answer stands alone.
    if (PQresultStatus(current_.get()) != PGRES_PIPELINE_SYNC) {
        if (PQisBusy(native()) != 0) return std::nullopt;
        PQclear(PQgetResult(native()));
    }
    Reply reply{std::move(waiting_.front()), std::move(current_)};
    waiting_.pop_front();
    return reply;
}

bool Session::wait(std::chrono::steady_clock::time_point deadline) const {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd entry{epoll_fd_, POLLIN, 0};
    ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60000)));
    return true;
}

}  // namespace cdc::projection
