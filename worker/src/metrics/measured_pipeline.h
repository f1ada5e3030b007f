// MeasuredPipeline: a pipeline as the metrics see it. Owner: main, which owns the pipeline too. Thread: read
// by the endpoint's; the statistics are atomics.
#pragma once

#include <cstddef>
#include <string>

#include "pipeline/statistics.h"

namespace cdc::metrics {

struct MeasuredPipeline {
    std::string name;
    std::size_t memory_limit = 0;            // bytes
    const Statistics* statistics = nullptr;  // outlives the metrics; its list of sinks is as it will stay
};

}  // namespace cdc::metrics
