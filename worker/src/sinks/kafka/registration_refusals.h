// RegistrationRefusals: the topics that the transaction coordinator has not let a producer write to, for want
// of a right. A partition is registered with the coordinator before its first message of a transaction is
// sent; where that is refused, librdkafka gives all messages of the transaction up, and its error says only
// that some topic was not authorized. The line that it logs before that names the topic (decision 0223).
//
// Owner: a Producer. Thread: read is librdkafka's, take the sink's runner's. Failure: none; a line in words
// that are not known leaves the topic unnamed.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cdc::kafka {

class RegistrationRefusals {
  public:
    // A line of librdkafka's log.
    void read(std::string_view line);
    // The topics named since the last call, each once.
    std::vector<std::string> take();

  private:
    std::mutex mutex_;
    std::vector<std::string> topics_;
};

// The topic whose partition was not registered for want of a right, as the line says (librdkafka's
// rdkafka_txnmgr.c, rd_kafka_txn_handle_AddPartitionsToTxn); none where it says something else. Thread: pure
// function.
std::optional<std::string_view> topic_refused_in(std::string_view line);

}  // namespace cdc::kafka
