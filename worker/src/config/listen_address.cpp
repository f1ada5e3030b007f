#include "config/listen_address.h"

#include <arpa/inet.h>

#include <charconv>
#include <string_view>

namespace cdc::config {
namespace {

// from_chars takes signs for none, and no blanks; what is left over is judged by the caller.
std::optional<unsigned> parse_port(std::string_view text) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || port > 65535) return {};
    return port;
}

}  // namespace

std::optional<ListenAddress> parse_listen_address(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) return {};
    const std::optional<unsigned> port = parse_port(std::string_view(text).substr(colon + 1));
    std::string host = text.substr(0, colon);
    if (!port || host.empty()) return {};
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
    address.text = host + ":" + std::to_string(*port);
    return address;
}

}  // namespace cdc::config
