// SnapshotFigures: how far a first snapshot is, at what rate, and how long it will take, judged from the
// statistics in one place: what the terminal, the log and the metrics say is the same. Thread: pure
// functions, for any.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "pipeline/statistics.h"

namespace cdc {

struct SnapshotFigures {
    std::int64_t rows = 0;
    std::int64_t expected_rows = 0;  // the planner's estimate, or rows where there are more
    std::int64_t bytes = 0;          // of their envelopes
    std::int64_t tables = 0, expected_tables = 0;
    std::int64_t pages = 0, expected_pages = 0;
    double seconds = 0;          // since it began, or until it ended
    double rows_per_second = 0;  // of the whole snapshot, as chunks come in bursts
    bool ended = false;          // durable in every sink
    // Both by pages, which are known, and not by rows, which are the planner's guess.
    std::optional<double> percent;
    std::optional<double> seconds_left;
};

// Of the snapshot that is being read, or of the last one that was. Nothing is known of it, and seconds mean
// nothing, where none has begun.
SnapshotFigures snapshot_figures(const Statistics& statistics, std::chrono::steady_clock::time_point now);

}  // namespace cdc
