// Session: the sink's connection in libpq's pipeline mode. Statements are sent without waiting for their
// results, so that a transaction costs the target's work and not its round trips (PostgreSQL docs,
// libpq-pipeline-mode).
//
// No Sync message is sent between transactions, only Flush: after an error the server then skips everything
// up to the next Sync, so nothing that was sent behind a failed transaction is ever executed.
//
// Owner: the PostgresSink. Thread: one. Failure: retry where the connection broke; SQL errors come back as
// Replies from receive(), or as a Status from run() (sql_error.h says which).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/lsn.h"
#include "base/status.h"
#include "envelope/slice.h"
#include "pq/connection.h"
#include "sinks/postgres/batch.h"

namespace cdc::projection {

// What a sent message was for: comes back with its result.
enum class Purpose { prepare, begin, savepoint, change, position, commit, sync };

struct Ticket {
    Purpose purpose = Purpose::change;
    std::string sql;                    // prepare only
    std::optional<Batch> batch;         // change only, without its parameters
    std::optional<Lsn> end_lsn;         // commit only: the position that it stores
    bool durable = false;               // commit only: it waits for the target's disk
    std::uint64_t progress_number = 0;  // commit only: of the snapshot_progress that it stores
};

struct Reply {
    Ticket ticket;
    std::unique_ptr<PGresult, pq::ResultDeleter> result;
};

class Session {
  public:
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Connects with every setting pinned that could change what a value means or cut a statement short.
    static Result<std::unique_ptr<Session>> open(const std::string& dsn, const std::string& application_name);

    // One statement, waited for; nullopt is NULL. Only when idle(). where: what it is for, for the message.
    Result<pq::Rows> run(const std::string& where, const std::string& sql,
                         const std::vector<std::optional<std::string>>& parameters = {});
    // Several statements without parameters, waited for. Only when idle().
    Status run_script(const std::string& where, const std::string& sql);
    // A statement that may take minutes: `go_on` is asked several times a second, and where it says no the
    // statement is cancelled (retry). Only when idle().
    Status run_long(const std::string& where, const std::string& sql, const std::function<bool()>& go_on);

    // Sends a statement; a text seen before is not parsed again.
    Status send(const std::string& sql, const std::vector<Parameter>& parameters, Ticket ticket);
    // After an error: what was sent behind it was skipped, so nothing is known to be prepared. Only when
    // idle(), in a transaction that has been rolled back.
    Status forget_prepared();
    // Asks the server to send the results of what it has executed so far.
    Status request_results();
    // Ends the pipeline: the server answers everything, errors included, and listens again.
    Status send_sync();
    // Begins a COPY … FROM STDIN, waited for. Only when idle(). Until it has ended nothing else is sent.
    Status begin_copy(const std::string& where, const std::string& sql);
    // Lines of it; they are on their way when exchange() has sent them.
    Status put_copy(std::string_view lines);
    // Waits until the server has all of it: its result. Where `why_not` is not null the server drops it all.
    Result<pq::Rows> end_copy(const char* why_not = nullptr);
    bool copying() const { return copying_; }

    // Moves bytes both ways without waiting.
    Status exchange();
    // The next result that has arrived.
    std::optional<Reply> receive();
    // Waits until something has arrived or can be sent; false where the deadline passed.
    bool wait(std::chrono::steady_clock::time_point deadline) const;

    // Nothing sent is unanswered.
    bool idle() const { return waiting_.empty(); }
    // Bytes that the socket did not take yet.
    bool output_pending() const { return output_pending_; }
    // Readable when exchange() has something to do, be it input or room for output.
    int wait_fd() const { return epoll_fd_; }

    Result<std::string> quote_identifier(std::string_view text) const {
        return connection_.quote_identifier(text);
    }
    Result<std::string> quote_literal(std::string_view text) const { return connection_.quote_literal(text); }
    PGconn* native() const { return connection_.native(); }
    // The synchronous_commit that makes a commit durable here: the role's own, or on where that is off.
    const std::string& durable_commit() const { return durable_commit_; }

  private:
    explicit Session(pq::Connection connection) : connection_(std::move(connection)) {}
    Status start();
    Status enter_pipeline();
    Status leave_pipeline();
    Result<std::string> prepared_name(const std::string& sql);
    Status sent(int ok, Ticket ticket);
    void watch_output();
    Status broken(const std::string& where) const;

    pq::Connection connection_;
    int epoll_fd_ = -1;
    bool output_pending_ = false;
    bool copying_ = false;
    std::string durable_commit_ = "on";
    std::deque<Ticket> waiting_;
    std::unique_ptr<PGresult, pq::ResultDeleter>
        current_;  // the first of waiting_ has it; its end has not come
    std::unordered_map<std::string, std::string> prepared_;  // SQL → name
};

}  // namespace cdc::projection
