// Reading: what one scrape has found in one pipeline's statistics, and the metrics that are made of it, each
// a row of a table: a metric is added in one place. Owner: the scrape. Thread: one.
#pragma once

#include <prometheus/metric_type.h>

#include <optional>
#include <span>

#include "metrics/measured_pipeline.h"
#include "pipeline/snapshot_figures.h"

namespace cdc::metrics {

struct Reading {
    const MeasuredPipeline& pipeline;
    const Statistics& statistics;
    Phase phase;
    bool has_snapshot;         // a first snapshot has begun in this process
    SnapshotFigures snapshot;  // of that one

    // A first snapshot is being read at this moment.
    bool reads_snapshot() const { return has_snapshot && !snapshot.ended && phase == Phase::snapshot; }
};

// Of one value a pipeline, with no label but the pipeline's.
struct PipelineMetric {
    const char* name;
    const char* help;  // says the unit
    prometheus::MetricType type;
    std::optional<double> (*value)(const Reading&);  // nothing: there is no sample now
};

std::span<const PipelineMetric> snapshot_metrics();

}  // namespace cdc::metrics
