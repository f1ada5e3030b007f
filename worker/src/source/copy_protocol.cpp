#include "source/copy_protocol.h"

#include <string>

namespace cdc::source {
namespace {

// Reads big-endian integers off the front; the caller has checked the length.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    std::uint8_t byte() {
        const auto value = static_cast<std::uint8_t>(bytes_.front());
        bytes_.remove_prefix(1);
        return value;
    }
    std::uint64_t u64() {
        std::uint64_t value = 0;
        for (int i = 0; i < 8; ++i)
            value = value << 8 | byte();
        return value;
    }
    std::string_view rest() const { return bytes_; }

  private:
    std::string_view bytes_;
};

constexpr std::size_t xlog_data_header_bytes = 1 + 8 + 8 + 8;
constexpr std::size_t keepalive_bytes = 1 + 8 + 8 + 1;

Status malformed(const char* message, std::size_t bytes) {
    return Status::fatal(std::string("replication protocol: ") + message + " of " + std::to_string(bytes) +
                         " bytes is malformed");
}

Result<ServerMessage> parse_xlog_data(std::string_view bytes) {
    if (bytes.size() < xlog_data_header_bytes) return malformed("an XLogData message", bytes.size());
    Reader reader(bytes.substr(1));
    XLogDataView message;
    message.wal_start = Lsn{reader.u64()};
    message.wal_end = Lsn{reader.u64()};
    message.server_time_us = static_cast<std::int64_t>(reader.u64());
    message.payload = reader.rest();
    return ServerMessage{message};
}

Result<ServerMessage> parse_keepalive(std::string_view bytes) {
    if (bytes.size() != keepalive_bytes) return malformed("a keepalive", bytes.size());
    Reader reader(bytes.substr(1));
    PrimaryKeepalive message;
    message.wal_end = Lsn{reader.u64()};
    message.server_time_us = static_cast<std::int64_t>(reader.u64());
    message.reply_requested = reader.byte() != 0;
    return ServerMessage{message};
}

template <std::size_t N>
void put_u64(std::array<char, N>& bytes, std::size_t at, std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        bytes[at++] = static_cast<char>(static_cast<unsigned char>(value >> shift));
    }
}

}  // namespace

Result<ServerMessage> parse_server_message(std::string_view bytes) {
    if (bytes.empty()) return malformed("a message", 0);
    switch (bytes.front()) {
        case 'w':
            return parse_xlog_data(bytes);
        case 'k':
            return parse_keepalive(bytes);
        default:
            return Status::fatal("replication protocol: unknown message type " +
                                 std::to_string(static_cast<unsigned char>(bytes.front())));
    }
}

std::array<char, standby_status_bytes> build_standby_status(const StandbyStatus& status) {
    std::array<char, standby_status_bytes> bytes{};
    bytes[0] = 'r';
    put_u64(bytes, 1, status.written.value);
    put_u64(bytes, 9, status.flushed.value);
    put_u64(bytes, 17, status.applied.value);
    put_u64(bytes, 25, static_cast<std::uint64_t>(status.time_us));
    bytes[33] = status.reply_requested ? 1 : 0;
    return bytes;
}

}  // namespace cdc::source
