#include "pipeline/snapshot_figures.h"

#include <algorithm>

namespace cdc {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(std::int64_t began, std::int64_t ended, Clock::time_point now) {
    const std::int64_t end = ended != 0 ? ended : now.time_since_epoch().count();
    return std::max(std::chrono::duration<double>(Clock::duration(end - began)).count(), 0.001);
}

}  // namespace

SnapshotFigures snapshot_figures(const Statistics& statistics, Clock::time_point now) {
    SnapshotFigures figures;
    const std::int64_t ended = statistics.snapshot_ended.load();
    figures.ended = ended != 0;
    figures.rows = statistics.snapshot_rows.load();
    figures.expected_rows = std::max(figures.rows, statistics.snapshot_rows_expected.load());
    figures.bytes = statistics.snapshot_bytes.load();
    figures.tables = statistics.snapshot_tables.load();
    figures.expected_tables = statistics.snapshot_tables_expected.load();
    figures.pages = statistics.snapshot_pages.load();
    figures.expected_pages = statistics.snapshot_pages_expected.load();
    figures.seconds = seconds_of(statistics.snapshot_began.load(), ended, now);
    figures.rows_per_second = static_cast<double>(figures.rows) / figures.seconds;
    const auto done = static_cast<double>(figures.pages), all = static_cast<double>(figures.expected_pages);
    if (all > 0) figures.percent = std::min(100.0, done * 100 / all);
    if (done > 0 && all > done) figures.seconds_left = figures.seconds * (all - done) / done;
    return figures;
}

}  // namespace cdc
