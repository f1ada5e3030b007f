#include "source/copy_protocol.h"

#include <gtest/gtest.h>

#include <string>

namespace cdc::source {
namespace {

std::string u64(std::uint64_t value) {
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8)
        bytes += static_cast<char>(value >> shift & 0xff);
    return bytes;
}

TEST(CopyProtocol, xlog_data_carries_positions_and_payload) {
    const std::string bytes =
        "w" + u64(0x16B374D848) + u64(0x16B374D8FF) + u64(823456789012345) + "{\"a\":1}";
    const auto message = parse_server_message(bytes);
    ASSERT_TRUE(message.ok());
    const auto& data = std::get<XLogDataView>(*message);
    EXPECT_EQ(data.wal_start.value, 0x16B374D848u);
    EXPECT_EQ(data.wal_end.value, 0x16B374D8FFu);
    EXPECT_EQ(data.server_time_us, 823456789012345);
    EXPECT_EQ(data.payload, "{\"a\":1}");
    EXPECT_EQ(data.payload.data(), bytes.data() + 25) << "the payload must not be copied";
}

TEST(CopyProtocol, an_empty_payload_is_a_message) {
    const auto message = parse_server_message("w" + u64(1) + u64(2) + u64(3));
    ASSERT_TRUE(message.ok());
    EXPECT_EQ(std::get<XLogDataView>(*message).payload, "");
}

TEST(CopyProtocol, keepalive_says_whether_a_reply_is_wanted) {
    for (const char wanted : {'\0', '\1'}) {
        const auto message =
            parse_server_message("k" + u64(0xFFFFFFFF00000001) + u64(7) + std::string(1, wanted));
        ASSERT_TRUE(message.ok());
        const auto& keepalive = std::get<PrimaryKeepalive>(*message);
        EXPECT_EQ(keepalive.wal_end.value, 0xFFFFFFFF00000001u);
        EXPECT_EQ(keepalive.server_time_us, 7);
        EXPECT_EQ(keepalive.reply_requested, wanted != 0);
    }
}

TEST(CopyProtocol, every_shorter_message_is_malformed_not_read_past) {
    const std::string data = "w" + u64(1) + u64(2) + u64(3);
    for (std::size_t length = 0; length < data.size(); ++length) {
        const auto message = parse_server_message(data.substr(0, length));
        EXPECT_EQ(message.status().code(), StatusCode::fatal) << length;
    }
    const std::string keepalive = "k" + u64(1) + u64(2) + std::string(1, '\0');
    for (std::size_t length = 0; length < keepalive.size(); ++length) {
        EXPECT_FALSE(parse_server_message(keepalive.substr(0, length)).ok()) << length;
    }
    EXPECT_FALSE(parse_server_message(keepalive + "x").ok()) << "a longer keepalive is of another protocol";
}

TEST(CopyProtocol, an_unknown_type_is_fatal_and_named) {
    const auto message = parse_server_message("z12345678");
    EXPECT_EQ(message.status().code(), StatusCode::fatal);
    EXPECT_NE(message.status().message().find("122"), std::string::npos);
}

TEST(CopyProtocol, standby_status_update_to_the_byte) {
    const auto bytes = build_standby_status({Lsn{0x0102030405060708}, Lsn{2}, Lsn{3}, -1, true});
    const std::string expected =
        "r" + u64(0x0102030405060708) + u64(2) + u64(3) + u64(~std::uint64_t{0}) + std::string(1, '\1');
    EXPECT_EQ(std::string(bytes.data(), bytes.size()), expected);
    EXPECT_EQ(build_standby_status({}).back(), 0);
}

}  // namespace
}  // namespace cdc::source
