// EmbeddedCluster: librdkafka's in-process mock cluster (rdkafka_mock.h), a Kafka for trials: real protocol
// on a loopback port that other processes can read (kcat -b …), topics made on first use with 4 partitions.
// It holds the last 5 MB or so of each partition in memory and is gone when the process ends. Owner:
// shared_embedded_cluster's is the process's, others their maker's. Thread: its own; bootstrap_servers and
// native are safe from any. Failure: fatal where no port can be opened.
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <memory>
#include <string>

#include "base/status.h"
#include "sinks/kafka/handles.h"

namespace cdc::kafka {

class EmbeddedCluster {
  public:
    static Result<std::unique_ptr<EmbeddedCluster>> start(int brokers);

    // "127.0.0.1:PORT[,…]"
    std::string bootstrap_servers() const { return rd_kafka_mock_cluster_bootstraps(cluster_.get()); }
    rd_kafka_mock_cluster_t* native() const { return cluster_.get(); }

  private:
    EmbeddedCluster() = default;

    ClientHandle host_;  // mock clusters live in a client; this one does nothing else
    Handle<rd_kafka_mock_cluster_t, rd_kafka_mock_cluster_destroy> cluster_;
};

// The process's one cluster, of one broker: started by the first call, announced on standard error, and there
// until the process ends, so that a sink that is reopened, or a second pipeline, finds its events.
Result<EmbeddedCluster*> shared_embedded_cluster();

}  // namespace cdc::kafka
