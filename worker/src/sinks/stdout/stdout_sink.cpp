#include "sinks/stdout/stdout_sink.h"

#include <poll.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>
#include <vector>

namespace cdc {
namespace {

constexpr std::string_view newline = "\n";

iovec as_iovec(std::string_view bytes) {
    return {const_cast<char*>(bytes.data()), bytes.size()};  // writev(2) only reads
}

// The slice's lines without b and e. Lines that stand side by side in the slice's bytes go as one run, with
// the newlines that already stand between them.
std::vector<iovec> runs_of_lines(const Slice& slice) {
    std::vector<iovec> runs;
    std::string_view run;
    const auto finish = [&] {
        if (run.empty()) return;
        runs.push_back(as_iovec(run));
        runs.push_back(as_iovec(newline));
        run = {};
    };
    for (const Event& event : slice.events) {
        if (event.op == Op::begin || event.op == Op::end) {
            finish();
        } else if (!run.empty() && run.data() + run.size() + 1 == event.line.data()) {
            run = {run.data(), run.size() + 1 + event.line.size()};
        } else {
            finish();
            run = event.line;
        }
    }
    finish();
    return runs;
}

Status write_error(int error) {
    if (error == EPIPE) {
        return Status::fatal("the reader of standard output has gone away",
                             "events that it had not read are not lost: the slot sends them again");
    }
    return Status::fatal("could not write to standard output: " + std::generic_category().message(error));
}

// Steps over `written` bytes.
void consume(std::vector<iovec>& runs, std::size_t& first, std::size_t written) {
    while (first < runs.size() && written >= runs[first].iov_len)
        written -= runs[first++].iov_len;
    if (written == 0) return;
    runs[first].iov_base = static_cast<char*>(runs[first].iov_base) + written;
    runs[first].iov_len -= written;
}

Status write_all(int fd, std::vector<iovec> runs) {
    constexpr std::size_t at_once = 64;  // well under IOV_MAX
    for (std::size_t first = 0; first < runs.size();) {
        const auto count = static_cast<int>(std::min(at_once, runs.size() - first));
        const ssize_t written = ::writev(fd, &runs[first], count);
        if (written >= 0) {
            consume(runs, first, static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {  // a terminal or pipe that somebody else set O_NONBLOCK on
            pollfd wait{fd, POLLOUT, 0};
            ::poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return write_error(errno);
        }
    }
    return {};
}

}  // namespace

Status StdoutSink::open(const SinkContext&) {
    std::signal(SIGPIPE, SIG_IGN);
    durable_ = {};
    progress_ = 0;
    return {};
}

Status StdoutSink::write(const SlicePtr& slice) {
    if (slice->kind == SliceKind::transaction) {
        for (const Event& event : slice->events)
            CDC_RETURN_IF_ERROR(count_.take(event));
    }
    CDC_RETURN_IF_ERROR(write_all(fd_, runs_of_lines(*slice)));
    progress_ = std::max(progress_, slice->progress_number);
    if (slice->last) return advance(slice->end_lsn);
    return {};
}

Status StdoutSink::advance(Lsn lsn) {
    durable_ = std::max(durable_, lsn);
    return {};
}

}  // namespace cdc
