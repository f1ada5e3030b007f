#include "sinks/kafka/embedded_cluster.h"

#include <array>
#include <cstdio>
#include <mutex>

#include "base/log.h"

namespace cdc::kafka {
namespace {

void log_line(const rd_kafka_t*, int, const char* facility, const char* text) {
    log_debug("embedded kafka: {}: {}", facility, text);
}

void announce(const EmbeddedCluster& cluster) {
    // As plain text whatever the log's level and format are: people and scripts look for this line.
    std::fprintf(stderr, "embedded kafka: bootstrap servers %s\n", cluster.bootstrap_servers().c_str());
    log_warning(
        "kafka: the embedded cluster at {} is for trials: it holds the last 5 MB of each partition in memory "
        "and is gone when this process ends",
        cluster.bootstrap_servers());
}

}  // namespace

Result<std::unique_ptr<EmbeddedCluster>> EmbeddedCluster::start(int brokers) {
    ConfHandle conf(rd_kafka_conf_new());
    rd_kafka_conf_set_log_cb(conf.get(), log_line);
    std::array<char, 512> reason{};
    std::unique_ptr<EmbeddedCluster> made(new EmbeddedCluster);
    made->host_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), reason.data(), reason.size()));
    if (!made->host_)
        return Status::fatal(std::string("could not start the embedded Kafka: ") + reason.data());
    [[maybe_unused]] rd_kafka_conf_t* taken = conf.release();  // the client's now
    made->cluster_.reset(rd_kafka_mock_cluster_new(made->host_.get(), brokers));
    if (!made->cluster_) return Status::fatal("could not start the embedded Kafka: no port could be opened");
    return made;
}

Result<EmbeddedCluster*> shared_embedded_cluster() {
    static std::mutex mutex;
    // Never destroyed: sinks on other threads, and readers outside, use it to the last moment.
    static EmbeddedCluster* cluster = nullptr;
    const std::lock_guard lock(mutex);
    if (cluster == nullptr) {
        Result<std::unique_ptr<EmbeddedCluster>> started = EmbeddedCluster::start(1);
        if (!started.ok()) return started.status();
        cluster = std::move(started).value().release();
        announce(*cluster);
    }
    return cluster;
}

}  // namespace cdc::kafka
