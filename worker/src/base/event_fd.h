// EventFd: an eventfd(2) that one thread signals and another waits for in poll(2); level-triggered until
// cleared. Owner: whoever waits. Thread: signal from any (also from a signal handler), clear by the waiter.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>

namespace cdc {

class EventFd {
  public:
    EventFd() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "could not create an eventfd");
    }
    EventFd(const EventFd&) = delete;
    EventFd& operator=(const EventFd&) = delete;
    ~EventFd() { ::close(fd_); }

    void signal() const {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written =
            ::write(fd_, &one, sizeof one);  // full means signalled already
    }
    void clear() const {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
    }
    int fd() const { return fd_; }

  private:
    int fd_;
};

}  // namespace cdc
