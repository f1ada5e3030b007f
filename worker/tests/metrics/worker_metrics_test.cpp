#include "metrics/worker_metrics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

namespace cdc::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using testing::ElementsAre;
using testing::IsEmpty;

std::unique_ptr<SinkStatistics> sink(const std::string& name) {
    auto made = std::make_unique<SinkStatistics>();
    made->name = name;
    return made;
}

// One pipeline, of which everything is there.
class WorkerMetricsTest : public testing::Test {
  protected:
    WorkerMetricsTest() {
        statistics.phase = Phase::snapshot;
        statistics.snapshot_rows = 500;
        statistics.snapshot_rows_expected = 2000;
        statistics.snapshot_bytes = 70000;
        statistics.snapshot_tables = 2;
        statistics.snapshot_tables_expected = 5;
        statistics.snapshot_pages = 29;
        statistics.snapshot_pages_expected = 100;
        statistics.snapshot_began =
            std::chrono::steady_clock::now().time_since_epoch().count() - 10'000'000'000;
        statistics.run = 7;
        statistics.run_rows = 1200;
        statistics.run_rows_expected = 3400;
        statistics.run_bytes = 560000;
        statistics.run_percent = 35;
        statistics.events = 41;
        statistics.transactions = 12;
        statistics.retries = 3;
        statistics.bytes = 1234567;
        statistics.held_bytes = 4096;
        statistics.received_lsn = 0x1'0000'0010;
        statistics.confirmed_lsn = 0x1'0000'0000;
        statistics.sinks.push_back(sink("kafka"));
        statistics.sinks[0]->durable_lsn = 0x1'0000'0008;
        statistics.sinks[0]->parked = 2;
        for (const std::int64_t us : {1000, 1023, 1024, 5000, 100'000'000})
            statistics.sinks[0]->latency.record(us);
    }

    std::vector<MetricFamily> collect() const {
        return WorkerMetrics({{"booking", 32u << 20, &statistics}}).Collect();
    }
    // Of the family's sample with these labels.
    std::optional<double> value(const std::string& name,
                                const std::string& label = "pipeline=booking") const {
        for (const MetricFamily& family : collect()) {
            if (family.name != name) continue;
            for (const ClientMetric& metric : family.metric) {
                if (labels(metric) != label) continue;
                return family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value;
            }
        }
        return {};
    }
    static std::string labels(const ClientMetric& metric) {
        std::string text;
        for (const ClientMetric::Label& label : metric.label)
            text += (text.empty() ? "" : ",") + label.name + "=" + label.value;
        return text;
    }
    static std::set<std::string> names(const std::vector<MetricFamily>& families) {
        std::set<std::string> found;
        for (const MetricFamily& family : families)
            EXPECT_TRUE(found.insert(family.name).second) << family.name << " twice";
        return found;
    }

    Statistics statistics;
};

TEST_F(WorkerMetricsTest, SayWhatTheStatisticsSay) {
    EXPECT_EQ(value("cdc_worker_info", "version=" CDC_WORKER_VERSION), 1);
    EXPECT_EQ(value("cdc_pipeline_events_total"), 41);
    EXPECT_EQ(value("cdc_pipeline_transactions_total"), 12);
    EXPECT_EQ(value("cdc_pipeline_envelope_bytes_total"), 1234567);
    EXPECT_EQ(value("cdc_pipeline_retries_total"), 3);
    EXPECT_EQ(value("cdc_pipeline_held_bytes"), 4096);
    EXPECT_EQ(value("cdc_pipeline_memory_limit_bytes"), 32 << 20);
    EXPECT_EQ(value("cdc_pipeline_received_lsn_bytes"), 0x1'0000'0010);
    EXPECT_EQ(value("cdc_pipeline_confirmed_lsn_bytes"), 0x1'0000'0000);
    EXPECT_EQ(value("cdc_sink_durable_lsn_bytes", "pipeline=booking,sink=kafka"), 0x1'0000'0008);
    EXPECT_EQ(value("cdc_sink_parked_events_total", "pipeline=booking,sink=kafka"), 2);
}

TEST_F(WorkerMetricsTest, OnePhaseIsTheOne) {
    for (const auto& [phase, word] : std::map<Phase, std::string>{{Phase::connecting, "connecting"},
                                                                  {Phase::snapshot, "snapshot"},
                                                                  {Phase::streaming, "streaming"},
                                                                  {Phase::waiting, "waiting"},
                                                                  {Phase::stopped, "stopped"}}) {
        statistics.phase = phase;
        double sum = 0;
        for (const char* one : {"connecting", "snapshot", "streaming", "waiting", "stopped"})
            sum += value("cdc_pipeline_phase", std::string("pipeline=booking,phase=") + one).value_or(100);
        EXPECT_EQ(sum, 1);
        EXPECT_EQ(value("cdc_pipeline_phase", "pipeline=booking,phase=" + word), 1) << word;
    }
}

TEST_F(WorkerMetricsTest, TellHowFarASnapshotIs) {
    EXPECT_EQ(value("cdc_snapshot_rows"), 500);
    EXPECT_EQ(value("cdc_snapshot_expected_rows"), 2000);
    EXPECT_EQ(value("cdc_snapshot_bytes"), 70000);
    EXPECT_EQ(value("cdc_snapshot_tables"), 2);
    EXPECT_EQ(value("cdc_snapshot_expected_tables"), 5);
    EXPECT_EQ(value("cdc_snapshot_pages"), 29);
    EXPECT_EQ(value("cdc_snapshot_expected_pages"), 100);
    EXPECT_EQ(value("cdc_snapshot_completion_ratio"), 0.29);
    EXPECT_NEAR(value("cdc_snapshot_duration_seconds").value_or(0), 10, 2);
    EXPECT_NEAR(value("cdc_snapshot_rows_per_second").value_or(0), 50, 10);
    EXPECT_NEAR(value("cdc_snapshot_remaining_seconds").value_or(0), 10.0 * 71 / 29, 5);
}

TEST_F(WorkerMetricsTest, DoNotGuessTheTimeThatIsLeft) {
    statistics.snapshot_pages = 0;
    EXPECT_EQ(value("cdc_snapshot_completion_ratio"), 0);
    EXPECT_EQ(value("cdc_snapshot_remaining_seconds"), std::nullopt);
    statistics.snapshot_pages_expected = 0;
    EXPECT_EQ(value("cdc_snapshot_completion_ratio"), std::nullopt);
    EXPECT_EQ(value("cdc_snapshot_rows"), 500);
}

TEST_F(WorkerMetricsTest, ASnapshotThatIsDurableIsWhole) {
    statistics.snapshot_ended = statistics.snapshot_began + 4'000'000'000;
    for (const Phase phase : {Phase::snapshot, Phase::streaming}) {
        statistics.phase = phase;
        EXPECT_EQ(value("cdc_snapshot_completion_ratio"), 1);
        EXPECT_EQ(value("cdc_snapshot_duration_seconds"), 4);
        EXPECT_EQ(value("cdc_snapshot_rows_per_second"), std::nullopt);
        EXPECT_EQ(value("cdc_snapshot_remaining_seconds"), std::nullopt);
    }
}

TEST_F(WorkerMetricsTest, ASnapshotThatIsInterruptedIsNotWhole) {
    statistics.phase = Phase::waiting;
    EXPECT_EQ(value("cdc_snapshot_completion_ratio"), 0.29);
    EXPECT_EQ(value("cdc_snapshot_duration_seconds"), std::nullopt);
    EXPECT_EQ(value("cdc_snapshot_remaining_seconds"), std::nullopt);
}

TEST_F(WorkerMetricsTest, TellOfTheTableThatIsReadBesideTheStream) {
    EXPECT_EQ(value("cdc_snapshot_run_request"), 7);
    EXPECT_EQ(value("cdc_snapshot_run_rows"), 1200);
    EXPECT_EQ(value("cdc_snapshot_run_expected_rows"), 3400);
    EXPECT_EQ(value("cdc_snapshot_run_bytes"), 560000);
    EXPECT_EQ(value("cdc_snapshot_run_completion_ratio"), 0.35);
    statistics.run_rows_expected = 0;
    EXPECT_EQ(value("cdc_snapshot_run_expected_rows"), std::nullopt);
    statistics.run_percent = -1;
    EXPECT_EQ(value("cdc_snapshot_run_completion_ratio"), std::nullopt);
    EXPECT_EQ(value("cdc_snapshot_run_rows"), 1200);
}

TEST_F(WorkerMetricsTest, SayNothingOfWhatIsNotKnown) {
    const Statistics fresh;
    const auto families = WorkerMetrics({{"booking", 1, &fresh}}).Collect();
    EXPECT_THAT(names(families), ElementsAre("cdc_pipeline_envelope_bytes_total", "cdc_pipeline_events_total",
                                             "cdc_pipeline_held_bytes", "cdc_pipeline_memory_limit_bytes",
                                             "cdc_pipeline_phase", "cdc_pipeline_retries_total",
                                             "cdc_pipeline_transactions_total", "cdc_worker_info"));
    EXPECT_EQ(WorkerMetrics({}).Collect().size(), 2u);
}

TEST_F(WorkerMetricsTest, CountLatenciesBelowPowersOfTwo) {
    for (const MetricFamily& family : collect()) {
        if (family.type != MetricType::Histogram) continue;
        ASSERT_EQ(family.name, "cdc_sink_commit_to_durable_seconds");
        const ClientMetric::Histogram& histogram = family.metric.at(0).histogram;
        std::map<double, std::uint64_t> buckets;
        for (const ClientMetric::Bucket& bucket : histogram.bucket)
            buckets[bucket.upper_bound] = bucket.cumulative_count;
        EXPECT_EQ(buckets.at(0.000512), 0u);
        EXPECT_EQ(buckets.at(0.001024), 2u);
        EXPECT_EQ(buckets.at(0.002048), 3u);
        EXPECT_EQ(buckets.at(0.008192), 4u);
        EXPECT_EQ(buckets.at(67.108864), 4u);
        EXPECT_EQ(buckets.at(INFINITY), 5u);
        EXPECT_EQ(histogram.bucket.size(), buckets.size());
        EXPECT_EQ(histogram.sample_count, 5u);
        EXPECT_NEAR(histogram.sample_sum, 100.008047, 3);
        return;
    }
    FAIL() << "no histogram";
}

// A family stands once, over all pipelines, and no two samples have the same labels.
TEST_F(WorkerMetricsTest, TellPipelinesAndSinksApart) {
    statistics.sinks.push_back(sink("postgres"));
    statistics.sinks.push_back(sink("kafka"));
    Statistics other;
    other.sinks.push_back(sink("kafka"));
    other.sinks[0]->parked = 9;
    const auto families = WorkerMetrics({{"booking", 1, &statistics}, {"trial", 1, &other}}).Collect();
    names(families);
    for (const MetricFamily& family : families) {
        std::set<std::string> seen;
        for (const ClientMetric& metric : family.metric)
            EXPECT_TRUE(seen.insert(labels(metric)).second) << family.name << " " << labels(metric);
        if (family.name != "cdc_sink_parked_events_total") continue;
        EXPECT_THAT(seen, ElementsAre("pipeline=booking,sink=kafka", "pipeline=booking,sink=kafka_2",
                                      "pipeline=booking,sink=postgres", "pipeline=trial,sink=kafka"));
    }
}

TEST_F(WorkerMetricsTest, AreNamedAsPrometheusHasIt) {
    const std::regex metric("cdc_(worker|pipeline|sink|snapshot)(_[a-z]+)+"), label("[a-z]+");
    for (const MetricFamily& family : collect()) {
        EXPECT_TRUE(std::regex_match(family.name, metric)) << family.name;
        EXPECT_EQ(family.name.ends_with("_total"), family.type == MetricType::Counter) << family.name;
        EXPECT_TRUE(family.help.ends_with(".")) << family.name;
        for (const ClientMetric& sample : family.metric) {
            for (const ClientMetric::Label& one : sample.label)
                EXPECT_TRUE(std::regex_match(one.name, label)) << family.name << " " << one.name;
        }
    }
}

// docs/metrics.md has a row for each, and no others.
TEST_F(WorkerMetricsTest, AreDocumented) {
    std::ifstream file(CDC_SOURCE_DIR "/docs/metrics.md");
    std::ostringstream text;
    text << file.rdbuf();
    const std::string page = text.str();
    std::map<std::string, std::string> documented;
    const std::regex row(R"(\| `(cdc_[a-z_]+)` \| ([a-z]+) \|)");
    for (std::sregex_iterator at(page.begin(), page.end(), row), end; at != end; ++at)
        EXPECT_TRUE(documented.emplace((*at)[1], (*at)[2]).second) << (*at)[1] << " twice";
    const std::map<MetricType, std::string> types{
        {MetricType::Counter, "counter"}, {MetricType::Gauge, "gauge"}, {MetricType::Histogram, "histogram"}};
    for (const MetricFamily& family : collect()) {
        EXPECT_EQ(documented[family.name], types.at(family.type)) << family.name;
        documented.erase(family.name);
    }
    EXPECT_THAT(documented, IsEmpty());
}

}  // namespace
}  // namespace cdc::metrics
