#include "source/heartbeat.h"

#include <poll.h>

#include <optional>
#include <utility>

#include "base/log.h"
#include "source/source_connection.h"

namespace cdc::source {
namespace {

// False where it was asked to stop meanwhile.
bool wait(const EventFd& stop, std::chrono::milliseconds time) {
    pollfd entry{stop.fd(), POLLIN, 0};
    return ::poll(&entry, 1, static_cast<int>(time.count())) == 0;
}

Status beat(std::optional<pq::Connection>& sql, const std::string& dsn, const std::string& application_name,
            const StopCheck& stop) {
    if (!sql) {
        Result<pq::Connection> opened = open_source_connection(dsn, application_name, pq::Mode::sql);
        if (!opened.ok()) return opened.status();
        sql.emplace(std::move(*opened));
    }
    const Status status =
        query_interruptible(*sql, "SELECT pg_logical_emit_message(false, 'cdc_envelope.heartbeat', '')", stop,
                            {}, {})
            .status();
    if (!status.ok()) sql.reset();
    return status;
}

}  // namespace

Heartbeat::Heartbeat(std::string dsn, std::string application_name, std::chrono::milliseconds interval)
    : dsn_(std::move(dsn)), application_name_(std::move(application_name)), interval_(interval) {
    if (interval_.count() > 0) thread_ = std::thread([this] { run(); });
}

Heartbeat::~Heartbeat() {
    stop_.signal();
    if (thread_.joinable()) thread_.join();
}

void Heartbeat::run() {
    std::optional<pq::Connection> sql;
    bool failing = false;
    const StopCheck stopping = [this] { return !wait(stop_, std::chrono::milliseconds(0)); };
    while (wait(stop_, interval_)) {
        const Status status = beat(sql, dsn_, application_name_, stopping);
        if (!status.ok() && !std::exchange(failing, true) && !stopping())
            log_warning("heartbeat: {}", status.to_string());
        if (status.ok()) failing = false;
    }
}

}  // namespace cdc::source
