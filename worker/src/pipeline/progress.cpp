#include "pipeline/progress.h"

#include <fmt/format.h>

#include "base/lsn.h"
#include "pipeline/snapshot_figures.h"

namespace cdc {
namespace {

constexpr double kMebibyte = 1 << 20;

std::string latency_of(const SinkStatistics& sink) {
    return fmt::format("p50 {:.1f} ms p99 {:.1f} ms",
                       static_cast<double>(sink.latency.percentile(0.5)) / 1000,
                       static_cast<double>(sink.latency.percentile(0.99)) / 1000);
}

std::int64_t rate(std::int64_t now, std::int64_t& last, double seconds) {
    const std::int64_t gained = now - last;
    last = now;
    return seconds > 0 ? static_cast<std::int64_t>(static_cast<double>(gained) / seconds) : 0;
}

}  // namespace

std::string ProgressLine::line() {
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    switch (statistics_.phase.load()) {
        case Phase::connecting:
            return pipeline_ + ": connecting";
        case Phase::snapshot:
            return snapshot_line();
        case Phase::streaming:
            return stream_line(seconds);
        case Phase::waiting:
            return pipeline_ + ": waiting to try again";
        case Phase::stopped:
            break;
    }
    return pipeline_ + ": stopped";
}

std::string ProgressLine::snapshot_line() const {
    const SnapshotFigures figures = snapshot_figures(statistics_, Clock::now());
    std::string text = fmt::format("{}: snapshot, {} rows of about {}, {:.1f} MiB", pipeline_, figures.rows,
                                   figures.expected_rows, static_cast<double>(figures.bytes) / kMebibyte);
    if (figures.expected_tables > 1)
        text += fmt::format(", {} of {} tables", figures.tables, figures.expected_tables);
    if (figures.percent) text += fmt::format(", {} %", static_cast<int>(*figures.percent));
    text += fmt::format(", {} rows/s", static_cast<std::int64_t>(figures.rows_per_second));
    if (figures.seconds_left)
        text += fmt::format(", {} s left", static_cast<std::int64_t>(*figures.seconds_left) + 1);
    return text;
}

std::string ProgressLine::stream_line(double seconds) {
    const std::int64_t events = statistics_.events.load();
    return fmt::format("{}: streaming, {} events in {} transactions, {} events/s, {:.1f} MiB held{}{}",
                       pipeline_, events, statistics_.transactions.load(),
                       rate(events, last_events_, seconds),
                       static_cast<double>(statistics_.held_bytes.load()) / kMebibyte, run(), latencies());
}

// The table that is read beside the stream.
std::string ProgressLine::run() const {
    const std::int64_t signal = statistics_.run.load();
    if (signal == 0) return {};
    const int percent = statistics_.run_percent.load();
    return fmt::format(", snapshot {}: {} rows{}", signal, statistics_.run_rows.load(),
                       percent < 0 ? std::string() : fmt::format(" ({} %)", percent));
}

std::string ProgressLine::latencies() const {
    std::string text;
    for (const auto& sink : statistics_.sinks) {
        if (sink->latency.count() > 0) text += fmt::format(", {} {}", sink->name, latency_of(*sink));
    }
    return text;
}

std::string ProgressLine::summary() const {
    std::string text = fmt::format(
        "pipeline {}: snapshot {} rows; streamed {} events in {} transactions, {:.1f} MiB\n", pipeline_,
        statistics_.snapshot_rows.load(), statistics_.events.load(), statistics_.transactions.load(),
        static_cast<double>(statistics_.bytes.load()) / kMebibyte);
    for (const auto& sink : statistics_.sinks) {
        text +=
            fmt::format("  sink {}: durable up to {}", sink->name, Lsn{sink->durable_lsn.load()}.to_string());
        if (sink->latency.count() > 0) {
            text += fmt::format("; commit to durable {} over {} transactions", latency_of(*sink),
                                sink->latency.count());
        }
        text += "\n";
    }
    return text;
}

}  // namespace cdc
