// ReplicationStream: one walsender connection, from IDENTIFY_SYSTEM over START_REPLICATION to the end of the
// COPY, without blocking while it streams. The model is PostgreSQL's own client (pg_recvlogical.c), with the
// protocol's bytes in copy_protocol.h and the slot's life in slot.h.
//
// Owner: the pipeline's reader. Thread: one at a time. Failure: retry where the connection or the server went
// away, or another process holds the slot; fatal where the server refuses the slot or the plugin raised an
// error (it would raise it again at the same place). After any failure the object is only good for
// destruction.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/lsn.h"
#include "base/source_identity.h"
#include "base/status.h"
#include "pq/connection.h"
#include "source/timeline.h"

namespace cdc::source {

struct LibpqFree {
    void operator()(char* bytes) const { PQfreemem(bytes); }
};

// One message of the plugin, in the buffer in which libpq received it. payload points into it.
struct XLogData {
    std::unique_ptr<char, LibpqFree> buffer;
    std::string_view payload;
    Lsn wal_start;  // of the message's header: for log lines only (copy_protocol.h)
    Lsn wal_end;
    std::int64_t sent_at_us = 0;  // by the server's clock, µs since 1970-01-01 UTC
};

struct Keepalive {
    Lsn wal_end;  // everything before it has been decoded, and sent where there was anything to send
    bool reply_requested = false;
};

using StreamMessage = std::variant<XLogData, Keepalive>;

// Options of START_REPLICATION in the order in which they are sent.
using PluginOptions = std::vector<std::pair<std::string, std::string>>;

class ReplicationStream {
  public:
    // Connects as a walsender of the dsn's database and asks which system it is (IDENTIFY_SYSTEM).
    static Result<ReplicationStream> open(const std::string& dsn, const std::string& application_name);

    const SourceIdentity& identity() const { return identity_; }
    // The server's flush position when it was last asked: no commit beyond it existed then.
    Lsn server_flush_lsn() const { return server_flush_lsn_; }
    // Asks again (before start only). Needed where positions to be compared were read after open: a worker
    // that was still leaving may have stored one beyond the first answer.
    Status identify();
    int server_version() const { return connection_.server_version(); }
    // Where the timelines before the server's present one were left (before start only).
    Result<TimelineHistory> timeline_history();

    // START_REPLICATION … LOGICAL: start_lsn is an end LSN; the server sends the transactions that end after
    // it (and silently moves it up to the slot's confirmed_flush_lsn: check with plan_start before).
    Status start(const std::string& slot, Lsn start_lsn, const PluginOptions& options);

    // The next message, nothing where it would block (then wait for fd() to become readable). The end of the
    // stream is a retry.
    Result<std::optional<StreamMessage>> read();

    // Becomes readable when read() has something to do.
    int fd() const { return PQsocket(connection_.native()); }

    // Sends a standby status update without ever waiting: written and flushed are end LSNs; flushed is the
    // acknowledgement (the server may remove WAL before it). What the socket does not take now goes out with
    // the next call; meanwhile newer positions replace it. Retry where the server took nothing for a minute.
    Status send_feedback(Lsn written, Lsn flushed, bool reply_requested);

    // Ends the COPY cleanly (CopyDone both ways) so that the slot is free when it returns ok; what the server
    // still sends is discarded. Gives up with retry after `limit`; dropping the connection then does the
    // same, only later.
    Status finish(std::chrono::milliseconds limit = std::chrono::milliseconds(3000));

  private:
    explicit ReplicationStream(pq::Connection connection) : connection_(std::move(connection)) {}

    Status stream_ended();
    Status drain_until_done(std::chrono::steady_clock::time_point deadline);

    pq::Connection connection_;
    SourceIdentity identity_;
    Lsn server_flush_lsn_;
    std::string slot_;
    bool streaming_ = false;
    // Since when libpq holds bytes that the socket would not take.
    std::optional<std::chrono::steady_clock::time_point> unsent_since_;
};

}  // namespace cdc::source
