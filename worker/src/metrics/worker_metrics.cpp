#include "metrics/worker_metrics.h"

#include <array>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "metrics/reading.h"

namespace cdc::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Families = std::vector<MetricFamily>;
using Labels = std::vector<ClientMetric::Label>;
using Value = std::optional<double>;

// Durations below 2^n µs, from half a millisecond to a minute.
constexpr unsigned first_bound = 9, last_bound = 26;

constexpr std::array<std::pair<Phase, const char*>, 5> phases{{{Phase::connecting, "connecting"},
                                                               {Phase::snapshot, "snapshot"},
                                                               {Phase::streaming, "streaming"},
                                                               {Phase::waiting, "waiting"},
                                                               {Phase::stopped, "stopped"}}};

template <auto member>
Value counted(const Reading& reading) {
    return static_cast<double>((reading.statistics.*member).load(std::memory_order_relaxed));
}

// 0 is no position, and a difference to it no lag.
template <auto member>
Value position(const Reading& reading) {
    const auto lsn = (reading.statistics.*member).load(std::memory_order_relaxed);
    return lsn == 0 ? Value() : Value(static_cast<double>(lsn));
}

Value memory_limit(const Reading& reading) {
    return static_cast<double>(reading.pipeline.memory_limit);
}

using S = Statistics;

constexpr std::array pipeline_metrics{
    PipelineMetric{"cdc_pipeline_events_total", "Events that were streamed.", MetricType::Counter,
                   counted<&S::events>},
    PipelineMetric{"cdc_pipeline_transactions_total", "Transactions that were streamed.", MetricType::Counter,
                   counted<&S::transactions>},
    PipelineMetric{"cdc_pipeline_envelope_bytes_total", "Bytes of envelopes, of snapshots and of the stream.",
                   MetricType::Counter, counted<&S::bytes>},
    PipelineMetric{"cdc_pipeline_retries_total",
                   "How often all was closed and begun anew after passing trouble.", MetricType::Counter,
                   counted<&S::retries>},
    PipelineMetric{"cdc_pipeline_held_bytes",
                   "Bytes of memory_limit that hold what is read and not yet durable.", MetricType::Gauge,
                   counted<&S::held_bytes>},
    PipelineMetric{"cdc_pipeline_memory_limit_bytes", "The setting memory_limit, in bytes.",
                   MetricType::Gauge, memory_limit},
    PipelineMetric{"cdc_pipeline_received_lsn_bytes",
                   "The LSN up to which the stream has come, in bytes of WAL.", MetricType::Gauge,
                   position<&S::received_lsn>},
    PipelineMetric{"cdc_pipeline_confirmed_lsn_bytes",
                   "The LSN that the server was last told is durable in every sink, in bytes of WAL.",
                   MetricType::Gauge, position<&S::confirmed_lsn>},
};

MetricFamily family(const char* name, const char* help, MetricType type) {
    return {name, help, type, {}};
}

void add(MetricFamily& to, Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (to.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    to.metric.push_back(std::move(metric));
}

Labels labels_of(const Reading& reading) {
    return {{"pipeline", reading.pipeline.name}};
}

// A pipeline may have several sinks of a kind: from the second on they are numbered, in the file's order.
std::vector<Labels> labels_of_sinks(const Reading& reading) {
    std::vector<Labels> labels;
    std::map<std::string, int> seen;
    for (const auto& sink : reading.statistics.sinks) {
        const int number = ++seen[sink->name];
        labels.push_back({{"pipeline", reading.pipeline.name},
                          {"sink", number == 1 ? sink->name : sink->name + "_" + std::to_string(number)}});
    }
    return labels;
}

Reading read(const MeasuredPipeline& pipeline) {
    const Statistics& statistics = *pipeline.statistics;
    return {pipeline, statistics, statistics.phase.load(), statistics.snapshot_began.load() != 0,
            snapshot_figures(statistics, std::chrono::steady_clock::now())};
}

ClientMetric histogram_of(const LatencyHistogram& latency, Labels labels) {
    const LatencyHistogram::Look look = latency.look();
    ClientMetric metric;
    metric.label = std::move(labels);
    for (unsigned power = first_bound; power <= last_bound; ++power)
        metric.histogram.bucket.push_back({look.below[power], static_cast<double>(1ull << power) / 1e6});
    metric.histogram.bucket.push_back({look.count, std::numeric_limits<double>::infinity()});
    metric.histogram.sample_count = look.count;
    metric.histogram.sample_sum = look.sum_us / 1e6;
    return metric;
}

void add_phases(const std::vector<Reading>& readings, Families& families) {
    MetricFamily made =
        family("cdc_pipeline_phase", "1 for the phase that the pipeline is in, 0 for the others.",
               MetricType::Gauge);
    for (const Reading& reading : readings) {
        for (const auto& [phase, word] : phases) {
            Labels labels = labels_of(reading);
            labels.push_back({"phase", word});
            add(made, std::move(labels), phase == reading.phase ? 1 : 0);
        }
    }
    families.push_back(std::move(made));
}

void add_table(const std::vector<Reading>& readings, std::span<const PipelineMetric> table,
               Families& families) {
    for (const PipelineMetric& row : table) {
        MetricFamily made = family(row.name, row.help, row.type);
        for (const Reading& reading : readings) {
            if (const Value value = row.value(reading)) add(made, labels_of(reading), *value);
        }
        if (!made.metric.empty()) families.push_back(std::move(made));
    }
}

void add_sinks(const std::vector<Reading>& readings, Families& families) {
    MetricFamily durable =
        family("cdc_sink_durable_lsn_bytes",
               "The LSN up to which all is durable in the sink, in bytes of WAL.", MetricType::Gauge);
    MetricFamily latency =
        family("cdc_sink_commit_to_durable_seconds",
               "Seconds from a transaction's commit at the source until it is durable in the sink.",
               MetricType::Histogram);
    MetricFamily parked =
        family("cdc_sink_parked_events_total",
               "Events that the sink's target refused and that were put away (on_reject: park).",
               MetricType::Counter);
    for (const Reading& reading : readings) {
        const std::vector<Labels> labels = labels_of_sinks(reading);
        for (std::size_t i = 0; i < labels.size(); ++i) {
            const SinkStatistics& sink = *reading.statistics.sinks[i];
            if (const std::uint64_t lsn = sink.durable_lsn.load(std::memory_order_relaxed); lsn != 0)
                add(durable, labels[i], static_cast<double>(lsn));
            latency.metric.push_back(histogram_of(sink.latency, labels[i]));
            add(parked, labels[i], static_cast<double>(sink.parked.load(std::memory_order_relaxed)));
        }
    }
    for (MetricFamily* made : {&durable, &latency, &parked}) {
        if (!made->metric.empty()) families.push_back(std::move(*made));
    }
}

}  // namespace

Families WorkerMetrics::Collect() const {
    std::vector<Reading> readings;
    for (const MeasuredPipeline& pipeline : pipelines_)
        readings.push_back(read(pipeline));
    Families families;
    families.push_back(family("cdc_worker_info", "1, with the worker's version.", MetricType::Gauge));
    add(families.back(), {{"version", CDC_WORKER_VERSION}}, 1);
    add_phases(readings, families);
    add_table(readings, pipeline_metrics, families);
    add_sinks(readings, families);
    add_table(readings, snapshot_metrics(), families);
    return families;
}

}  // namespace cdc::metrics
