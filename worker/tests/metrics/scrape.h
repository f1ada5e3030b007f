// A scrape as a client sees it: one HTTP request on one connection, the answer until the server closes it.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace cdc::metrics {

// Everything that comes, status line first; empty where nobody listens. more: header lines, each with its
// line end.
inline std::string ask(int port, const std::string& what, const std::string& more = "") {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string answer;
    const std::string request = what + " HTTP/1.1\r\nHost: here\r\nConnection: close\r\n" + more + "\r\n";
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
        char piece[4096];
        for (ssize_t got = 0; (got = ::recv(fd, piece, sizeof piece, 0)) > 0;)
            answer.append(piece, static_cast<std::size_t>(got));
    }
    ::close(fd);
    return answer;
}

inline std::string status_of(const std::string& answer) {
    return answer.substr(0, answer.find("\r\n"));
}

}  // namespace cdc::metrics
