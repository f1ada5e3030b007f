// CheckpointTopic: the compacted topic in which a pipeline's position is, as the newest committed record
// under the pipeline's name (checkpoint.h). One partition is used, the first, so that the newest is the last.
//
// It is read backwards in growing windows: only the newest record counts, and a topic that the brokers have
// not compacted for a while has millions. Owner: transactions.h. Thread: the sink's runner's; read makes a
// consumer of its own and waits for it. Failure: as each function says.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "base/status.h"
#include "sinks/kafka/checkpoint.h"
#include "sinks/kafka/producer.h"

namespace cdc::kafka {

class CheckpointTopic {
  public:
    // consumer: brokers and the user's properties, as for the producer.
    CheckpointTopic(std::string name, std::string pipeline, ConsumerSettings consumer)
        : name_(std::move(name)), pipeline_(std::move(pipeline)), consumer_(std::move(consumer)) {}

    const std::string& name() const { return name_; }
    const std::string& key() const { return pipeline_; }

    // Makes the topic where there is none: one partition, compacted, small segments. Fatal where it is not
    // ours to use, and where it is not only compacted: retention deletes the position.
    // exists: false where it was made by this call, so there is nothing to read.
    Status ensure(Producer& producer, std::chrono::milliseconds timeout, bool& exists) const;

    // The pipeline's newest committed checkpoint; nothing where there is none, or it was deleted (a null
    // value). Aborted ones do not count. Retry where the brokers do not answer within timeout.
    Result<std::optional<Checkpoint>> read(std::chrono::milliseconds timeout) const;
    // The same without waiting for open transactions, in front of which it ends: an older one, maybe.
    Result<std::optional<Checkpoint>> glance(std::chrono::milliseconds timeout) const;

  private:
    Result<std::optional<Checkpoint>> read(std::chrono::milliseconds timeout, bool to_its_end) const;
    Status check_presence(Producer& producer, std::chrono::milliseconds timeout, rd_kafka_resp_err_t refusal,
                          const std::string& reason) const;
    Status check_cleanup(Producer& producer, std::chrono::milliseconds timeout) const;

    using Clock = std::chrono::steady_clock;
    struct Window;
    Status find_ends(rd_kafka_t* consumer, Clock::time_point deadline, std::int64_t& low,
                     std::int64_t& high) const;
    Status wait_for_open_transactions(rd_kafka_t* consumer, Clock::time_point deadline, std::int64_t& low,
                                      std::int64_t& stable) const;
    Status read_window(rd_kafka_t* consumer, Window& window) const;

    std::string name_;
    std::string pipeline_;
    ConsumerSettings consumer_;
};

}  // namespace cdc::kafka
