// Statistics: what a pipeline has done so far, for the progress line, the summary and the metrics
// endpoint. Owner: the pipeline, for its whole life, over reconnects. Thread: written by the pipeline's and
// the sinks' threads, read by any; every counter is its own atomic, so a reader sees a moment's picture, not
// a consistent one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/latency.h"

namespace cdc {

enum class Phase { connecting, snapshot, streaming, waiting, stopped };

struct SinkStatistics {
    std::string name;
    LatencyHistogram latency;  // commit to durable, µs
    std::atomic<std::uint64_t> durable_lsn{0};
    std::atomic<std::uint64_t> parked{0};  // events that were put away (on_reject: park)
};

struct Statistics {
    std::atomic<Phase> phase{Phase::connecting};
    std::atomic<std::int64_t> snapshot_rows{0};
    std::atomic<std::int64_t> snapshot_rows_expected{0};  // the planner's estimate
    std::atomic<std::int64_t> snapshot_bytes{0};          // of their envelopes
    std::atomic<std::int64_t> snapshot_tables{0};         // read whole
    std::atomic<std::int64_t> snapshot_tables_expected{0};
    std::atomic<std::int64_t> snapshot_pages{0};           // of the tables, in chunks that are read whole
    std::atomic<std::int64_t> snapshot_pages_expected{0};  // of all tables
    std::atomic<std::int64_t> snapshot_began{0};           // steady clock, its own ticks; 0: none has
    std::atomic<std::int64_t> snapshot_ended{0};           // the same: durable in every sink; 0: it is not
    std::atomic<std::int64_t> run{0};                      // reading a table beside the stream: its request
    std::atomic<std::int64_t> run_rows{0};                 // of that run, left out ones too
    std::atomic<std::int64_t> run_rows_expected{0};        // the planner's estimate; 0: none
    std::atomic<std::int64_t> run_bytes{0};                // of the envelopes delivered
    std::atomic<int> run_percent{-1};                      // -1: not known
    std::atomic<std::int64_t> events{0};                   // streamed, without b and e
    std::atomic<std::int64_t> transactions{0};
    std::atomic<std::int64_t> retries{0};         // after passing trouble
    std::atomic<std::int64_t> bytes{0};           // of envelopes, snapshot and stream
    std::atomic<std::int64_t> held_bytes{0};      // of the memory limit, read and not yet durable
    std::atomic<std::uint64_t> received_lsn{0};   // the least position after all that was received
    std::atomic<std::uint64_t> confirmed_lsn{0};  // last sent as flushed
    std::vector<std::unique_ptr<SinkStatistics>> sinks;
};

}  // namespace cdc
