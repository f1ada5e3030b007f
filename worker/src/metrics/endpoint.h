// Endpoint: what Prometheus reads, GET /metrics over HTTP, on prometheus-cpp's Exposer (decision 0333).
// Whatever else is asked for is answered 404, another method 405, and without the password, where there is
// one, 401.
//
// Owner: main, from before the pipelines start until the process ends. Thread: open on main's; the answers
// are given on a few of the library's own, which read the pipelines' atomics and nothing else of the worker.
// Bounded: two answers at once, one a connection, 10 s each; what comes beyond waits or is refused by the
// kernel. Failure: open says why it can't listen; an answer that can't be given is the client's to ask for
// again.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "config/config.h"
#include "metrics/measured_pipeline.h"

namespace cdc::metrics {

class Endpoint {
  public:
    // config: with an address. The pipelines' statistics outlive the endpoint.
    static Result<std::unique_ptr<Endpoint>> open(const config::Metrics& config,
                                                  std::vector<MeasuredPipeline> pipelines);
    ~Endpoint();
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    // The one that was chosen, where the configuration leaves it open (port 0).
    int port() const;

  private:
    struct Library;
    explicit Endpoint(std::unique_ptr<Library> library);

    const std::unique_ptr<Library> library_;
};

}  // namespace cdc::metrics
