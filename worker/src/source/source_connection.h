// How the source's connections are opened: one door for SQL and for replication, with the settings that a
// reader of long snapshots and long streams needs. Owner: the caller. Thread: one at a time. Failure: as
// pq::Connection::open (retry where the server can't be reached, fatal where it refuses us).
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "pq/connection.h"

namespace cdc::source {

// Asked several times a second while a call waits for the server; true makes the call give up with
// Status::retry. Called on the waiting thread.
using StopCheck = std::function<bool()>;

// Opens a connection on which no timeout of the role, the database or the server's configuration can end a
// statement or an idle session, search_path is empty and texts are UTF-8.
Result<pq::Connection> open_source_connection(const std::string& dsn, const std::string& application_name,
                                              pq::Mode mode);

// Runs one statement without parameters while asking `stop`; a stopped statement is cancelled at the server.
// on_wait is called about every `wait_step_ms` while the statement runs (to say what it waits for);
// on_refusal makes the Status of a statement that the server refuses (default: Connection::error).
inline constexpr int wait_step_ms = 250;
Result<pq::Rows> query_interruptible(pq::Connection& connection, const std::string& sql,
                                     const StopCheck& stop, const std::function<void()>& on_wait = {},
                                     const std::function<Status(const PGresult*)>& on_refusal = {});

// Has the server end the statement that runs, and drops what it still sends.
void cancel_statement(PGconn* connection);

}  // namespace cdc::source
