// WorkerMetrics: the statistics of all pipelines as Prometheus' families (docs/metrics.md), read when they
// are asked for: nothing is kept or counted here, and no event costs anything. One object for the whole
// worker, since a family stands once in the answer.
//
// Owner: the Endpoint. Thread: any, several at once; it reads atomics and takes no lock. Failure: none.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "metrics/measured_pipeline.h"

namespace cdc::metrics {

class WorkerMetrics final : public prometheus::Collectable {
  public:
    explicit WorkerMetrics(std::vector<MeasuredPipeline> pipelines) : pipelines_(std::move(pipelines)) {}

    std::vector<prometheus::MetricFamily> Collect() const override;

  private:
    const std::vector<MeasuredPipeline> pipelines_;
};

}  // namespace cdc::metrics
