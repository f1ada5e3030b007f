// SinkGroup: the sinks of one pipeline while it runs, each on its own thread, spoken to as one.
// Owner and thread: the pipeline's. Failure: the first sink that fails fails the group; its Status names it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/event_fd.h"
#include "base/lsn.h"
#include "base/status.h"
#include "pipeline/sink_runner.h"
#include "pipeline/statistics.h"
#include "sinks/sink.h"

namespace cdc {

class SinkGroup {
  public:
    // Asked while a call waits for a sink; true gives up with retry.
    using StopCheck = std::function<bool()>;

    // statistics.sinks has one entry per sink, in the same order. Nothing is owned.
    SinkGroup(const std::vector<std::unique_ptr<Sink>>& sinks, Statistics& statistics, StopCheck stop);

    // Runs one call on every sink's thread at once and waits for all; the first failure by the order of
    // sinks.
    Status on_each(const std::function<Status(Sink&, std::size_t)>& work);
    // positions[i]: the end LSN up to which sink i holds everything.
    Status begin_streaming(const std::vector<Lsn>& positions);

    // Safe from any thread.
    void write(std::span<const SlicePtr> slices);
    void write(const SlicePtr& slice) { write({&slice, 1}); }
    void advance(Lsn lsn);

    // The least durable LSN: what may be acknowledged.
    Lsn durable_lsn() const;
    Lsn durable_lsn(std::size_t sink) const { return runners_[sink]->durable_lsn(); }
    // The least durable progress (Sink::durable_progress): what every sink has stored.
    std::uint64_t durable_progress() const;
    std::optional<Status> failure() const;

    // Flushes all sinks (each has until the timeout); ready() says when all are done.
    void begin_flush(std::chrono::milliseconds timeout);
    bool flushed() const;
    Status flush_status();

    // Becomes readable when a durable LSN or progress has moved or a sink has failed; clear before looking.
    const EventFd& changed() const { return changed_; }

    // Closes all sinks. False where one is still busy after the timeout; the group must then not be
    // destroyed, as its thread still uses it.
    bool stop(std::chrono::milliseconds timeout);

  private:
    Status wait_for(std::vector<std::future<Status>>& calls);

    EventFd changed_;
    const StopCheck stop_;
    std::vector<std::unique_ptr<SinkRunner>> runners_;
    std::vector<std::future<Status>> flushes_;
};

}  // namespace cdc
