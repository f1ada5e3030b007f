// Heartbeat: writes a logical message into the captured database now and then, so that there is something to
// decode, and the slot moves on, where only other databases of the server are written to. The message is not
// transactional: it belongs to no commit, and the plugin sends it only with messages=all.
//
// Owner: the pipeline, while it streams. Thread: one of its own, so that a server that hangs holds up nothing
// else; the constructor starts it, the destructor ends it. Failure: said once until one succeeds again; the
// stream does not depend on it.
#pragma once

#include <chrono>
#include <string>
#include <thread>

#include "base/event_fd.h"

namespace cdc::source {

class Heartbeat {
  public:
    Heartbeat(std::string dsn, std::string application_name, std::chrono::milliseconds interval);
    ~Heartbeat();
    Heartbeat(const Heartbeat&) = delete;
    Heartbeat& operator=(const Heartbeat&) = delete;

  private:
    void run();

    const std::string dsn_;
    const std::string application_name_;
    const std::chrono::milliseconds interval_;
    EventFd stop_;
    std::thread thread_;
};

}  // namespace cdc::source
