#include "config/listen_address.h"

#include <arpa/inet.h>

#include <cstdint>
#include <string_view>

#include "base/number.h"

namespace cdc::config {

std::optional<ListenAddress> parse_listen_address(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) return {};
    std::uint16_t port = 0;
    std::string host = text.substr(0, colon);
    if (!read_number(std::string_view(text).substr(colon + 1), port) || host.empty()) return {};
    ListenAddress address;
    if (host.front() == '[') {
        in6_addr binary{};
        if (host.back() != ']' || inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &binary) != 1)
            return {};
        address.ipv6 = true;
        address.loopback = IN6_IS_ADDR_LOOPBACK(&binary);
    } else {
        if (host == "localhost") host = "127.0.0.1";
        in_addr binary{};
        if (inet_pton(AF_INET, host.c_str(), &binary) != 1) return {};
        address.loopback = ntohl(binary.s_addr) >> 24 == 127;
    }
    address.text = host + ":" + std::to_string(port);
    return address;
}

}  // namespace cdc::config
