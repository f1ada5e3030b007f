#include "sinks/kafka/topics.h"

#include <chrono>
#include <thread>

#include "base/log.h"
#include "envelope/event_reader.h"
#include "sinks/kafka/topic_names.h"

namespace cdc::kafka {
namespace {

using std::chrono::milliseconds;

// A topic that was just made: at most so much time is spent on it, and then it comes by itself.
constexpr int looks_at_new_topic = 10;
constexpr milliseconds between_looks{10};
constexpr milliseconds answer_patience{200};

// Runs on any thread and for every message: notes the partition count on its way to the real partitioner.
std::int32_t watching_partitioner(const rd_kafka_topic_t* handle, const void* key, std::size_t key_length,
                                  std::int32_t partitions, void* opaque, void* message_opaque) {
    auto& use = *static_cast<Topic::Use*>(opaque);
    Topic& topic = *use.topic;
    if (use.partitions.load(std::memory_order_relaxed) != partitions)
        use.partitions.store(partitions, std::memory_order_relaxed);
    for (const Topic::Use& other : topic.uses) {
        const std::int32_t known = other.partitions.load(std::memory_order_relaxed);
        if (known > 0 && known < partitions) partitions = known;
    }
    if (topic.partitions.load(std::memory_order_relaxed) != partitions) {
        topic.partitions.store(partitions, std::memory_order_relaxed);
        topic.partitions_changed->store(true, std::memory_order_release);
    }
    return topic.partitioner(handle, key, key_length, partitions, opaque, message_opaque);
}

bool has_table(Op op) {
    return op != Op::schema && op != Op::message && op != Op::begin && op != Op::end;
}

}  // namespace

void Topics::open(Producers& producers, std::string prefix, Partitioner partitioner,
                  const std::vector<Producer::KnownTopic>& known) {
    producers_ = &producers;
    prefix_ = std::move(prefix);
    partitioner_ = partitioner;
    known_.clear();
    for (const Producer::KnownTopic& topic : known) {
        if (topic.name.starts_with(prefix_)) known_[topic.name] = topic.partitions;
    }
}

void Topics::close() {
    for (const auto& [name, topic] : topics_) {
        for (Topic::Use& use : topic->uses) {
            use.handle.reset();
            use.partitions = 0;
        }
        topic->creation_error.clear();
    }
    producers_ = nullptr;
}

Result<Topic*> Topics::of(const Event& event) {
    const std::string_view schema = has_table(event.op) ? event.schema : std::string_view{};
    const auto op = static_cast<char>(event.op);
    const std::string_view table = has_table(event.op) ? event.table : std::string_view{&op, 1};
    // Runs of one table are the rule.
    if (last_topic_ != nullptr && handle(*last_topic_) && last_route_.second == table &&
        last_route_.first == schema) {
        return last_topic_;
    }
    auto route = routes_.find(ByName::View{schema, table});
    if (route == routes_.end())
        route = routes_.emplace(std::pair(schema, table), &topic_named(name_for(event))).first;
    Topic& topic = *route->second;
    if (!handle(topic)) CDC_RETURN_IF_ERROR(use(topic));
    last_route_ = route->first;
    last_topic_ = &topic;
    return &topic;
}

Topic* Topics::named(const std::string& name) const {
    const auto found = topics_.find(name);  // of the runner's thread, which alone adds to it
    return found == topics_.end() ? nullptr : found->second.get();
}

std::string Topics::name_for(const Event& event) const {
    switch (event.op) {
        case Op::schema:
            return schema_topic(prefix_);
        case Op::message:
            return message_topic(prefix_);
        case Op::begin:
        case Op::end:
            return transaction_topic(prefix_);
        default:
            return table_topic(prefix_, unescape_json(event.schema), unescape_json(event.table));
    }
}

Topic& Topics::topic_named(const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Topic>& topic = topics_[name];
    if (!topic) {
        topic = std::make_unique<Topic>();
        topic->name = name;
        topic->partitions_changed = &partitions_changed_;
    }
    return *topic;
}

Status Topics::use(Topic& topic) {
    topic.partitioner = partitioner_;
    std::string reason;
    Topic::Use& use = topic.uses[producers_->turn()];
    use.topic = &topic;
    use.handle = producers_->present().open_topic(topic.name, watching_partitioner, &use, reason);
    if (!use.handle) return Status::fatal("topic \"" + topic.name + "\" can't be used: " + reason);
    if (known_.try_emplace(topic.name, 0).second) producers_->present().create_topic(topic.name, &topic);
    return {};
}

// A broker hears of a topic some milliseconds after the controller has made it.
void Topics::learn_of(const Topic& topic) {
    for (int look = 0; look < looks_at_new_topic && topic.partitions == 0; ++look) {
        if (look > 0) std::this_thread::sleep_for(between_looks);
        const rd_kafka_resp_err_t error = producers_->present().look_at_topic(topic.name, answer_patience);
        const bool coming = error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                            error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
        if (!coming) return;
    }
}

Status Topics::check_partitions(config::OnPartitionChange on_change) {
    Status first;
    if (!partitions_changed_.exchange(false, std::memory_order_acquire)) return first;
    for (const auto& [name, topic] : topics_) {
        const std::int32_t now = topic->partitions.load(std::memory_order_relaxed);
        const std::int32_t before = std::exchange(topic->reported_partitions, now);
        if (before == 0 || before == now) continue;
        const std::string line =
            "topic \"" + name + "\" has " + std::to_string(now) + " partitions instead of " +
            std::to_string(before) +
            ": events of one key from before and after the change are in different partitions";
        if (on_change == config::OnPartitionChange::accept) {
            log_warning("kafka: {}", line);
        } else if (first.ok()) {
            first =
                Status::fatal(line,
                              "let the readers come to the end, and start the worker again: it goes on with "
                              "the new number; or set on_partition_change: accept");
        }
    }
    return first;
}

std::map<std::string, std::uint64_t> Topics::delivered() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::uint64_t> counts;
    for (const auto& [name, topic] : topics_)
        counts[name] = topic->delivered.load(std::memory_order_relaxed);
    return counts;
}

}  // namespace cdc::kafka
