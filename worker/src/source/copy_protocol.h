// The streaming replication protocol as pure functions over bytes: what travels inside CopyData in both
// directions (PostgreSQL docs, "Streaming Replication Protocol"; src/backend/replication/walsender.c,
// XLogSendLogical, WalSndKeepalive, ProcessStandbyReplyMessage). All integers are big-endian.
// Owner: nobody; views live as long as the bytes they were parsed from. Thread: pure functions. Failure:
// Status::fatal where the bytes are not a message of this protocol.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/lsn.h"
#include "base/status.h"

namespace cdc::source {

// Times of this protocol are µs since 2000-01-01 00:00 UTC (timestamptz of the server).
inline constexpr std::int64_t unix_to_postgres_epoch_us = 946'684'800'000'000;

// 'w': one output message of the plugin. The header's positions come from the plugin's write location and go
// backwards at times: they are good for a log line, never for an acknowledgement (the envelope has its own).
struct XLogDataView {
    Lsn wal_start;
    Lsn wal_end;
    std::int64_t server_time_us = 0;
    std::string_view payload;
};

// 'k': the server has decoded everything up to wal_end, and sent what there was to send of it.
struct PrimaryKeepalive {
    Lsn wal_end;
    std::int64_t server_time_us = 0;
    bool reply_requested = false;
};

using ServerMessage = std::variant<XLogDataView, PrimaryKeepalive>;

// Parses the content of one CopyData message from the server.
Result<ServerMessage> parse_server_message(std::string_view bytes);

// 'r': what the client has. For a logical slot the server moves confirmed_flush_lsn to `flushed`; written and
// applied are only shown in pg_stat_replication.
struct StandbyStatus {
    Lsn written;
    Lsn flushed;
    Lsn applied;
    std::int64_t time_us = 0;
    bool reply_requested = false;
};

inline constexpr std::size_t standby_status_bytes = 1 + 8 + 8 + 8 + 8 + 1;

// The content of one CopyData message to the server.
std::array<char, standby_status_bytes> build_standby_status(const StandbyStatus& status);

}  // namespace cdc::source
