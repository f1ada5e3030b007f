// Metrics of snapshots: the first one, and the table that is read beside the stream.
#include <array>

#include "metrics/reading.h"

namespace cdc::metrics {
namespace {

using Value = std::optional<double>;
using prometheus::MetricType;

// Of the first snapshot, as long as there is one to tell of.
template <auto member>
Value of_snapshot(const Reading& reading) {
    if (!reading.has_snapshot) return {};
    return static_cast<double>(reading.snapshot.*member);
}

Value completion(const Reading& reading) {
    if (!reading.has_snapshot) return {};
    if (reading.snapshot.ended) return 1;
    if (!reading.snapshot.percent) return {};
    return *reading.snapshot.percent / 100;
}

// One that was interrupted is not gone on with here: its time says nothing.
Value duration(const Reading& reading) {
    if (!reading.reads_snapshot() && !reading.snapshot.ended) return {};
    return reading.snapshot.seconds;
}

Value rate(const Reading& reading) {
    if (!reading.reads_snapshot()) return {};
    return reading.snapshot.rows_per_second;
}

Value remaining(const Reading& reading) {
    return reading.reads_snapshot() ? reading.snapshot.seconds_left : Value();
}

bool runs(const Reading& reading) {
    return reading.statistics.run.load() != 0;
}

// Of the table that is read beside the stream, while one is.
template <auto member>
Value of_run(const Reading& reading) {
    if (!runs(reading)) return {};
    return static_cast<double>((reading.statistics.*member).load());
}

// Unknown until the table is opened, and where the planner has never seen it.
Value run_expected_rows(const Reading& reading) {
    const std::int64_t rows = reading.statistics.run_rows_expected.load();
    if (!runs(reading) || rows <= 0) return {};
    return static_cast<double>(rows);
}

Value run_completion(const Reading& reading) {
    const int percent = reading.statistics.run_percent.load();
    if (!runs(reading) || percent < 0) return {};
    return percent / 100.0;
}

using F = SnapshotFigures;
using S = Statistics;

constexpr std::array metrics{
    PipelineMetric{
        "cdc_snapshot_rows",
        "Rows of snapshots that the sinks were given: of the first one since it began, then of runs too.",
        MetricType::Gauge, of_snapshot<&F::rows>},
    PipelineMetric{"cdc_snapshot_expected_rows",
                   "Rows that the planner expects of the first snapshot, a guess.", MetricType::Gauge,
                   of_snapshot<&F::expected_rows>},
    PipelineMetric{"cdc_snapshot_bytes", "Bytes of envelopes of the first snapshot.", MetricType::Gauge,
                   of_snapshot<&F::bytes>},
    PipelineMetric{"cdc_snapshot_tables", "Tables that the first snapshot has read whole.", MetricType::Gauge,
                   of_snapshot<&F::tables>},
    PipelineMetric{"cdc_snapshot_expected_tables", "Tables that the first snapshot reads.", MetricType::Gauge,
                   of_snapshot<&F::expected_tables>},
    PipelineMetric{"cdc_snapshot_pages",
                   "Pages of tables, of 8 KiB as a rule, that the first snapshot has read.",
                   MetricType::Gauge, of_snapshot<&F::pages>},
    PipelineMetric{"cdc_snapshot_expected_pages", "Pages of all tables that the first snapshot reads.",
                   MetricType::Gauge, of_snapshot<&F::expected_pages>},
    PipelineMetric{
        "cdc_snapshot_completion_ratio",
        "How much of the first snapshot is read, by pages: 0 to 1, and 1 once it is durable in every sink.",
        MetricType::Gauge, completion},
    PipelineMetric{
        "cdc_snapshot_duration_seconds",
        "Seconds since the first snapshot began, or that it took until it was durable in every sink.",
        MetricType::Gauge, duration},
    PipelineMetric{"cdc_snapshot_rows_per_second", "Rows a second of the first snapshot, while it is read.",
                   MetricType::Gauge, rate},
    PipelineMetric{"cdc_snapshot_remaining_seconds",
                   "Seconds that the first snapshot will still take, by pages, while it is read.",
                   MetricType::Gauge, remaining},
    PipelineMetric{"cdc_snapshot_run_request",
                   "The id of the request of which a table is read beside the stream, while one is.",
                   MetricType::Gauge, of_run<&S::run>},
    PipelineMetric{"cdc_snapshot_run_rows",
                   "Rows that this run has read, with those that newer changes replaced.", MetricType::Gauge,
                   of_run<&S::run_rows>},
    PipelineMetric{"cdc_snapshot_run_expected_rows",
                   "Rows that the planner expects of this run's table, a guess, whatever of it is asked for.",
                   MetricType::Gauge, run_expected_rows},
    PipelineMetric{"cdc_snapshot_run_bytes", "Bytes of envelopes that this run has delivered.",
                   MetricType::Gauge, of_run<&S::run_bytes>},
    PipelineMetric{"cdc_snapshot_run_completion_ratio",
                   "How much of its table this run has read, by the planner's guess of its rows: 0 to 1.",
                   MetricType::Gauge, run_completion},
};

}  // namespace

std::span<const PipelineMetric> snapshot_metrics() {
    return metrics;
}

}  // namespace cdc::metrics
