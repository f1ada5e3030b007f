#include "sinks/kafka/registration_refusals.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <utility>

namespace cdc::kafka {

std::optional<std::string_view> topic_refused_in(std::string_view line) {
    static constexpr std::string_view before = "Failed to add partition \"";
    const std::size_t start = line.find(before);
    // The other partitions of the request are in such lines too: as not attempted.
    if (start == line.npos || !line.ends_with(rd_kafka_err2str(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)))
        return std::nullopt;
    line.remove_prefix(start + before.size());
    const std::size_t end = line.find('"');
    if (end == line.npos) return std::nullopt;
    return line.substr(0, end);
}

void RegistrationRefusals::read(std::string_view line) {
    const std::optional<std::string_view> topic = topic_refused_in(line);
    if (!topic) return;
    const std::lock_guard lock(mutex_);
    if (std::find(topics_.begin(), topics_.end(), *topic) == topics_.end()) topics_.emplace_back(*topic);
}

std::vector<std::string> RegistrationRefusals::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(topics_, {});
}

}  // namespace cdc::kafka
