#include "source/replication_stream.h"

#include <poll.h>

#include <charconv>

#include "pq/sqlstate.h"
#include "source/copy_protocol.h"
#include "source/slot.h"
#include "source/slot_errors.h"
#include "source/source_connection.h"

namespace cdc::source {
namespace {

using Clock = std::chrono::steady_clock;

// The replication grammar has quoted identifiers and strings whose only escape is doubling (repl_scanner.l);
// PQescapeLiteral's E'…' is not of it.
std::string doubled(std::string_view text, char quote) {
    std::string quoted(1, quote);
    for (const char c : text) {
        if (c == quote) quoted += quote;
        quoted += c;
    }
    return quoted += quote;
}

Result<std::string> start_command(const std::string& slot, Lsn start_lsn, const PluginOptions& options) {
    std::string command =
        "START_REPLICATION SLOT " + doubled(slot, '"') + " LOGICAL " + start_lsn.to_string();
    const char* separator = " (";
    for (const auto& [name, value] : options) {
        if (name.find('\0') != std::string::npos || value.find('\0') != std::string::npos) {
            return Status::fatal("option \"" + name + "\" holds a NUL byte");
        }
        command += separator + doubled(name, '"') + ' ' + doubled(value, '\'');
        separator = ", ";
    }
    if (!options.empty()) command += ')';
    return command;
}

std::int64_t now_us() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now).count() - unix_to_postgres_epoch_us;
}

// What ends a stream and is gone at the next attempt, besides what pq calls passing: an operator's
// intervention (57: a cancelled walsender too) and short resources (53: no disk for spill files).
bool ends_passingly(const char* sqlstate) {
    const std::string_view state = sqlstate == nullptr ? "" : sqlstate;
    return state.starts_with("57") || state.starts_with("53") || pq::is_passing(state);
}

bool wait_for(PGconn* connection, short events, Clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd entry{PQsocket(connection), events, 0};
    return poll(&entry, 1, static_cast<int>(left.count())) >= 0;
}

}  // namespace

Result<ReplicationStream> ReplicationStream::open(const std::string& dsn,
                                                  const std::string& application_name) {
    auto connection = open_source_connection(dsn, application_name, pq::Mode::replication);
    if (!connection.ok()) return connection.status().in("source");
    ReplicationStream stream(std::move(*connection));
    CDC_RETURN_IF_ERROR(stream.identify());
    return stream;
}

Status ReplicationStream::identify() {
    auto rows = connection_.query("IDENTIFY_SYSTEM");
    if (!rows.ok()) return rows.status().in("IDENTIFY_SYSTEM");
    if (rows->count() != 1 || PQnfields(rows->native()) < 4) {
        return Status::fatal("IDENTIFY_SYSTEM: the answer is not that of a PostgreSQL server");
    }
    const std::string_view timeline = rows->text(0, 1);
    identity_ = {std::string(rows->text(0, 0)), 0, std::string(rows->text(0, 3))};
    std::from_chars(timeline.data(), timeline.data() + timeline.size(), identity_.timeline);
    const auto flush = Lsn::parse(rows->text(0, 2));
    if (!flush || identity_.timeline == 0) {
        return Status::fatal("IDENTIFY_SYSTEM: the answer has no position and timeline");
    }
    server_flush_lsn_ = *flush;
    return {};
}

Result<TimelineHistory> ReplicationStream::timeline_history() {
    const std::string command = "TIMELINE_HISTORY " + std::to_string(identity_.timeline);
    auto rows = connection_.query(command);
    if (!rows.ok()) return rows.status().in(command);
    auto history = rows->count() == 1 ? TimelineHistory::parse(rows->text(0, 1)) : std::nullopt;
    if (!history) return Status::fatal(command + ": the answer is not that of a PostgreSQL server");
    return std::move(*history);
}

Status ReplicationStream::start(const std::string& slot, Lsn start_lsn, const PluginOptions& options) {
    // The server would start a slot of any plugin and let that one stumble over our options.
    auto state = slot_state(connection_, slot);
    CDC_RETURN_IF_ERROR(state.status());
    CDC_RETURN_IF_ERROR(check_usable(slot, *state, identity_.database));
    auto command = start_command(slot, start_lsn, options);
    CDC_RETURN_IF_ERROR(command.status());
    slot_ = slot;
    const std::unique_ptr<PGresult, pq::ResultDeleter> result(PQexec(connection_.native(), command->c_str()));
    if (PQresultStatus(result.get()) != PGRES_COPY_BOTH) {
        return slot_error(connection_, result.get(), "START_REPLICATION", slot);
    }
    if (PQsetnonblocking(connection_.native(), 1) != 0) return connection_.error("START_REPLICATION");
    streaming_ = true;
    return {};
}

Result<std::optional<StreamMessage>> ReplicationStream::read() {
    PGconn* native = connection_.native();
    char* raw = nullptr;
    int bytes = PQgetCopyData(native, &raw, 1);
    if (bytes == 0) {
        if (PQconsumeInput(native) == 0) return connection_.error("stream of slot \"" + slot_ + "\"");
        bytes = PQgetCopyData(native, &raw, 1);
        if (bytes == 0) return std::optional<StreamMessage>{};
    }
    if (bytes < 0) return stream_ended();
    std::unique_ptr<char, LibpqFree> buffer(raw);
    auto message = parse_server_message({raw, static_cast<std::size_t>(bytes)});
    CDC_RETURN_IF_ERROR(message.status());
    if (const auto* keepalive = std::get_if<PrimaryKeepalive>(&*message)) {
        return std::optional<StreamMessage>(Keepalive{keepalive->wal_end, keepalive->reply_requested});
    }
    const auto& data = std::get<XLogDataView>(*message);
    return std::optional<StreamMessage>(XLogData{std::move(buffer), data.payload, data.wal_start,
                                                 data.wal_end,
                                                 data.server_time_us + unix_to_postgres_epoch_us});
}

// PQgetCopyData has said that the COPY is over: finds out why.
Status ReplicationStream::stream_ended() {
    streaming_ = false;
    const std::string where = "stream of slot \"" + slot_ + "\"";
    const std::unique_ptr<PGresult, pq::ResultDeleter> result(PQgetResult(connection_.native()));
    if (PQresultStatus(result.get()) != PGRES_FATAL_ERROR) {
        return result == nullptr && PQstatus(connection_.native()) == CONNECTION_BAD
                   ? connection_.error(where)
                   : Status::retry(where + ": the server ended the stream");
    }
    Status status = connection_.error(where, result.get());
    if (status.code() == StatusCode::fatal &&
        ends_passingly(PQresultErrorField(result.get(), PG_DIAG_SQLSTATE))) {
        return Status::retry(status.message(), status.hint());
    }
    return status;
}

Status ReplicationStream::send_feedback(Lsn written, Lsn flushed, bool reply_requested) {
    constexpr auto patience = std::chrono::seconds(60);
    PGconn* native = connection_.native();
    const std::string where = "feedback for slot \"" + slot_ + "\"";
    int pending = unsent_since_ ? PQflush(native) : 0;
    if (pending == 0) {
        const auto bytes = build_standby_status({written, flushed, flushed, now_us(), reply_requested});
        if (PQputCopyData(native, bytes.data(), static_cast<int>(bytes.size())) < 0) {
            return connection_.error(where);
        }
        unsent_since_.reset();
        pending = PQflush(native);
    }
    if (pending < 0) return connection_.error(where);
    if (pending == 0) {
        unsent_since_.reset();
        return {};
    }
    if (!unsent_since_) unsent_since_ = Clock::now();
    if (Clock::now() - *unsent_since_ > patience) {
        return Status::retry(where + ": the server has taken nothing from the connection for a minute");
    }
    return {};
}

Status ReplicationStream::finish(std::chrono::milliseconds limit) {
    if (!streaming_) return {};
    streaming_ = false;
    const Clock::time_point deadline = Clock::now() + limit;
    PGconn* native = connection_.native();
    const std::string where = "end of the stream of slot \"" + slot_ + "\"";
    if (PQputCopyEnd(native, nullptr) < 0) return connection_.error(where);
    for (int pending = PQflush(native); pending != 0; pending = PQflush(native)) {
        if (pending < 0) return connection_.error(where);
        if (!wait_for(native, POLLIN | POLLOUT, deadline)) return Status::retry(where + ": timed out");
        if (PQconsumeInput(native) == 0) return connection_.error(where);
    }
    return drain_until_done(deadline).in(where);
}

// Reads and discards until the server has answered our CopyDone with its own and the command is complete.
Status ReplicationStream::drain_until_done(Clock::time_point deadline) {
    PGconn* native = connection_.native();
    for (;;) {
        char* raw = nullptr;
        const int bytes = PQgetCopyData(native, &raw, 1);
        const std::unique_ptr<char, LibpqFree> discarded(raw);
        if (bytes > 0) continue;
        if (bytes < 0) break;
        if (!wait_for(native, POLLIN, deadline)) return Status::retry("timed out");
        if (PQconsumeInput(native) == 0) return connection_.error("");
    }
    for (;;) {
        while (PQisBusy(native) != 0) {
            if (!wait_for(native, POLLIN, deadline)) return Status::retry("timed out");
            if (PQconsumeInput(native) == 0) return connection_.error("");
        }
        const std::unique_ptr<PGresult, pq::ResultDeleter> result(PQgetResult(native));
        if (result == nullptr) return {};
        if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) return connection_.error("", result.get());
    }
}

}  // namespace cdc::source
