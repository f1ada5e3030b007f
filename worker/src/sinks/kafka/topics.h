// Topics: the topics of one sink: which one an event goes to, its handle in each producer, how much it has
// taken, and how many partitions it has. Producers hear of new partitions each in its own time: until all
// have, a key's events go where they went before, in whichever producer's turn.
//
// Owner: the kafka sink, for its whole life: counts and partition numbers survive a reopening, handles do
// not. Thread: the runner's, but for delivered (any) and the partitioner (librdkafka's; touches atomics
// only). Failure: fatal where a name can't be a topic.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "config/config.h"
#include "envelope/event.h"
#include "sinks/kafka/producers.h"

namespace cdc::kafka {

struct Topic {
    // The topic in one producer; its handle's opaque.
    struct Use {
        Topic* topic = nullptr;
        TopicHandle handle;                       // null until used
        std::atomic<std::int32_t> partitions{0};  // as this producer knows them; 0: not yet
    };
    // Null where the handle is not one of Topics'.
    static Topic* of(const rd_kafka_topic_t* handle) {
        const auto* const use = static_cast<const Use*>(rd_kafka_topic_opaque(handle));
        return use == nullptr ? nullptr : use->topic;
    }

    std::string name;
    std::array<Use, Producers::most> uses;
    std::string creation_error;               // why it could not be created, where it could not
    std::string refusal;                      // why all its events are parked, where they are
    std::atomic<std::uint64_t> delivered{0};  // messages, since the start of the process
    std::atomic<std::int32_t> partitions{0};  // in use, as last seen; 0: not seen yet
    std::int32_t reported_partitions = 0;     // what the operator knows of
    Partitioner partitioner = nullptr;
    std::atomic<bool>* partitions_changed = nullptr;
};

class Topics {
  public:
    // prefix has passed check_topic_prefix; producers live until close.
    void open(Producers& producers, std::string prefix, Partitioner partitioner,
              const std::vector<Producer::KnownTopic>& known);
    void close();

    // The topic of a row event's or truncation's table, of schema changes, messages, transactions. The first
    // use in a producer opens it, and asks for its creation where the cluster did not list it.
    Result<Topic*> of(const Event& event);

    // One of them by its name; null where there is none.
    Topic* named(const std::string& name) const;

    // Its handle in the producer whose turn it is, once `of` has given it.
    rd_kafka_topic_t* handle(const Topic& topic) const { return topic.uses[producers_->turn()].handle.get(); }

    // Asks again, after a failure that passes.
    void create_again(Topic& topic) { producers_->present().create_topic(topic.name, &topic); }
    // The topic has just been made: has its producer learn of it now. librdkafka asks again for a topic that
    // it found missing only once a second (rd_kafka_1s_tmr_cb), and until then nothing of it is sent.
    void learn_of(const Topic& topic);

    // Whether the number of partitions of some topic has changed since it was last seen: events of one key
    // are then in two partitions, and order per key holds within each of them only. Fatal, or, where that is
    // accepted, a warning. Said once.
    Status check_partitions(config::OnPartitionChange on_change);

    // Messages acknowledged since the start of the process, by topic. Thread: any.
    std::map<std::string, std::uint64_t> delivered() const;

  private:
    struct ByName {
        using is_transparent = void;
        using View = std::pair<std::string_view, std::string_view>;
        template <typename A, typename B>
        bool operator()(const A& a, const B& b) const {
            return View(a.first, a.second) < View(b.first, b.second);
        }
    };

    Topic& topic_named(const std::string& name);
    std::string name_for(const Event& event) const;
    Status use(Topic& topic);

    std::string prefix_;
    Partitioner partitioner_ = nullptr;
    Producers* producers_ = nullptr;
    std::map<std::string, int, std::less<>> known_;  // the cluster's topics when opened → partitions
    // Envelope's schema and table (escapes kept; "" and an op letter for those without) → its topic.
    std::map<std::pair<std::string, std::string>, Topic*, ByName> routes_;
    std::pair<std::string, std::string> last_route_;
    Topic* last_topic_ = nullptr;
    std::atomic<bool> partitions_changed_{false};
    mutable std::mutex mutex_;  // guards the map itself, which delivered walks through
    std::map<std::string, std::unique_ptr<Topic>> topics_;
};

}  // namespace cdc::kafka
