// What a server may send inside CopyData, from any bytes: one message of the streaming replication protocol.
//
// Oracles: a message that is accepted, written again from what was read, is the same bytes; the payload is a
// view into them and no copy; a reply carries what it was given.
#include <cstring>
#include <memory>
#include <string>

#include "oracle.h"
#include "source/copy_protocol.h"

using namespace cdc;
using namespace cdc::source;

namespace {

std::string u64(std::uint64_t value) {
    std::string bytes(8, '\0');
    for (int i = 7; i >= 0; --i, value >>= 8)
        bytes[static_cast<std::size_t>(i)] = static_cast<char>(value & 0xff);
    return bytes;
}

std::string written_again(const XLogDataView& data) {
    return "w" + u64(data.wal_start.value) + u64(data.wal_end.value) +
           u64(static_cast<std::uint64_t>(data.server_time_us)) + std::string(data.payload);
}

std::string written_again(const PrimaryKeepalive& keepalive) {
    return "k" + u64(keepalive.wal_end.value) + u64(static_cast<std::uint64_t>(keepalive.server_time_us)) +
           (keepalive.reply_requested ? '\1' : '\0');
}

// The server takes any byte but 0 as a wish for a reply.
std::string settled(std::string_view bytes) {
    std::string same(bytes);
    if (same[0] == 'k' && same.back() != '\0') same.back() = '\1';
    return same;
}

void check_reply(Lsn lsn, bool wanted) {
    const auto reply = build_standby_status({lsn, lsn, lsn, -1, wanted});
    const std::string expected = "r" + u64(lsn.value) + u64(lsn.value) + u64(lsn.value) +
                                 u64(~std::uint64_t{0}) + std::string(1, wanted ? '\1' : '\0');
    fuzz::expect(std::string_view(reply.data(), reply.size()) == expected, "a reply is what it was given");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    // a copy of exactly this length, so that a read past its end is seen
    const std::unique_ptr<char[]> copy(new char[size]);
    if (size > 0) std::memcpy(copy.get(), data, size);
    const std::string_view bytes(copy.get(), size);
    const auto message = parse_server_message(bytes);
    if (!message.ok()) {
        fuzz::expect(message.status().code() == StatusCode::fatal,
                     "what is no message is no passing trouble");
        return 0;
    }
    if (const auto* xlog = std::get_if<XLogDataView>(&*message)) {
        fuzz::expect(fuzz::within(xlog->payload, bytes), "the payload is not a copy");
        fuzz::expect(written_again(*xlog) == bytes, "XLogData is read whole");
        check_reply(xlog->wal_start, true);
    } else {
        const auto& keepalive = std::get<PrimaryKeepalive>(*message);
        fuzz::expect(written_again(keepalive) == settled(bytes), "a keepalive is read whole");
        check_reply(keepalive.wal_end, keepalive.reply_requested);
    }
    return 0;
}
