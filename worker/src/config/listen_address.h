// ListenAddress: where the worker listens, as "127.0.0.1:9464" or "[::1]:9464" say it. An address and never a
// name, which would be resolved anew with each start, to several addresses or to none; localhost alone is
// 127.0.0.1. Thread: pure function.
#pragma once

#include <optional>
#include <string>

namespace cdc::config {

struct ListenAddress {
    std::string text;       // "127.0.0.1:9464", "[::1]:9464"
    bool ipv6 = false;      // as the text begins with "["
    bool loopback = false;  // only this machine reaches it
};

// Nothing where the text is none. Port 0 is whichever is free.
std::optional<ListenAddress> parse_listen_address(const std::string& text);

}  // namespace cdc::config
