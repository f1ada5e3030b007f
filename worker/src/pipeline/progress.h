// What people see of a running pipeline: the live line of `run --progress` and the summary at its end.
// Owner: main. Thread: one (the printing one). Reads Statistics, changes nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "pipeline/statistics.h"

namespace cdc {

class ProgressLine {
  public:
    ProgressLine(std::string pipeline, const Statistics& statistics)
        : pipeline_(std::move(pipeline)), statistics_(statistics) {}

    // One line without a newline; rates are since the last call.
    std::string line();
    // Several lines, each ended by a newline: what was delivered since the start.
    std::string summary() const;
    // The line of a snapshot that is being read: rows, bytes, tables, share (by pages), rate and time left.
    std::string snapshot_line() const;

  private:
    using Clock = std::chrono::steady_clock;

    std::string stream_line(double seconds);
    std::string run() const;
    std::string latencies() const;

    const std::string pipeline_;
    const Statistics& statistics_;
    Clock::time_point last_ = Clock::now();
    std::int64_t last_events_ = 0;
};

}  // namespace cdc
