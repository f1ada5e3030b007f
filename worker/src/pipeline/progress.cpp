#include "pipeline/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/lsn.h"

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

// The rate is that of the whole snapshot, as chunks come in bursts; the time left is judged by pages, which
// are known, and not by rows, which are the planner's guess.
std::string ProgressLine::snapshot_line() const {
    const std::int64_t rows = statistics_.snapshot_rows.load();
    const std::int64_t bytes = statistics_.snapshot_bytes.load();
    const std::int64_t done = statistics_.snapshot_pages.load();
    const std::int64_t pages = statistics_.snapshot_pages_expected.load();
    const Clock::time_point began{Clock::duration(statistics_.snapshot_began.load())};
    const double seconds = std::max(std::chrono::duration<double>(Clock::now() - began).count(), 0.001);
    std::string text = fmt::format("{}: snapshot, {} rows of about {}, {:.1f} MiB", pipeline_, rows,
                                   std::max(rows, statistics_.snapshot_rows_expected.load()),
                                   static_cast<double>(bytes) / kMebibyte);
    const std::int64_t tables = statistics_.snapshot_tables_expected.load();
    if (tables > 1) text += fmt::format(", {} of {} tables", statistics_.snapshot_tables.load(), tables);
    if (pages > 0) text += fmt::format(", {} %", std::min<std::int64_t>(100, done * 100 / pages));
    text += fmt::format(", {} rows/s", static_cast<std::int64_t>(static_cast<double>(rows) / seconds));
    if (done > 0 && pages > done) {
        const double left = seconds * static_cast<double>(pages - done) / static_cast<double>(done);
        text += fmt::format(", {} s left", static_cast<std::int64_t>(left) + 1);
    }
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
