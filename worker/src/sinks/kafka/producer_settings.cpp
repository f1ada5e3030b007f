#include "sinks/kafka/producer_settings.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <string_view>

#include "base/log.h"

namespace cdc::kafka {
namespace {

// A property on which the guarantee rests: the values that keep it (none: any value is refused) and why.
struct Guarded {
    std::string_view name;
    std::span<const std::string_view> allowed;
    std::string_view reason;
};

constexpr std::array<std::string_view, 1> yes = {"true"};
constexpr std::array<std::string_view, 1> no = {"false"};
constexpr std::array<std::string_view, 2> all_replicas = {"all", "-1"};
constexpr std::array<std::string_view, 5> up_to_five = {"1", "2", "3", "4", "5"};
constexpr std::array<std::string_view, 1> never = {"0"};
constexpr std::array<std::string_view, 1> endless = {"2147483647"};
constexpr std::span<const std::string_view> none;

constexpr std::string_view order_reason =
    "without it a retry could repeat or reorder events, and an acknowledged one could be lost";
constexpr std::string_view timeout_reason =
    "a message given up locally would be a gap in its topic: the sink retries for as long as it takes";
constexpr std::string_view bound_reason = "the pipeline's memory_limit bounds what is in flight";

constexpr std::array<Guarded, 20> guarded = {{
    {"enable.idempotence", yes, order_reason},
    {"acks", all_replicas, order_reason},
    {"request.required.acks", all_replicas, order_reason},
    {"max.in.flight", up_to_five, order_reason},
    {"max.in.flight.requests.per.connection", up_to_five, order_reason},
    {"enable.gapless.guarantee", yes, order_reason},
    {"message.timeout.ms", never, timeout_reason},
    {"delivery.timeout.ms", never, timeout_reason},
    {"retries", endless, timeout_reason},
    {"message.send.max.retries", endless, timeout_reason},
    {"queue.buffering.max.messages", none, bound_reason},
    {"queue.buffering.max.kbytes", none, bound_reason},
    {"queuing.strategy", none, "it would change the order of events"},
    {"delivery.report.only.error", no, "the confirmed position rests on every message's report"},
    {"bootstrap.servers", none, "it is the sink's own key brokers"},
    {"metadata.broker.list", none, "it is the sink's own key brokers"},
    {"test.mock.num.brokers", none, "it is the sink's own key embedded"},
    {"transactional.id", none, "it is the pipeline's identity, by which a second worker is fenced off"},
    {"enabled_events", none, "the sink's own loop rests on it"},
    {"log.queue", none, "the sink's own loop rests on it"},
}};

// What a broker's network layer takes (socket.request.max.bytes, 100 MiB), less some room.
const char* const largest_message = "100000000";

struct NamedPartitioner {
    std::string_view name;
    Partitioner partitioner;
};

constexpr std::array<NamedPartitioner, 6> partitioners = {{
    {"murmur2_random", rd_kafka_msg_partitioner_murmur2_random},  // the Java client's
    {"murmur2", rd_kafka_msg_partitioner_murmur2},
    {"consistent_random", rd_kafka_msg_partitioner_consistent_random},
    {"consistent", rd_kafka_msg_partitioner_consistent},
    {"fnv1a_random", rd_kafka_msg_partitioner_fnv1a_random},
    {"fnv1a", rd_kafka_msg_partitioner_fnv1a},
}};

std::string in_property(std::string_view name) {
    return "kafka property \"" + std::string(name) + "\"";
}

Status check_guarded(const std::string& name, const std::string& value) {
    const auto rule = std::find_if(guarded.begin(), guarded.end(),
                                   [&name](const Guarded& candidate) { return candidate.name == name; });
    if (rule == guarded.end()) return {};
    if (std::find(rule->allowed.begin(), rule->allowed.end(), value) != rule->allowed.end()) return {};
    return Status::fatal(
        in_property(name) + " can't be set to \"" + value + "\": " + std::string(rule->reason),
        "remove it from properties");
}

Status set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
    std::array<char, 512> reason{};
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason.data(), reason.size()) ==
        RD_KAFKA_CONF_OK)
        return {};
    return Status::fatal(in_property(name) + ": " + reason.data(),
                         "librdkafka's CONFIGURATION.md lists what there is");
}

std::int64_t number_of(rd_kafka_conf_t* conf, const char* name) {
    std::array<char, 32> text{};
    std::size_t size = text.size();
    rd_kafka_conf_get(conf, name, text.data(), &size);
    return std::strtoll(text.data(), nullptr, 10);
}

// Null where there is none of that name, or it would spread the events of one key.
Partitioner partitioner_named(const std::string& name) {
    for (const NamedPartitioner& candidate : partitioners) {
        if (candidate.name == name) return candidate.partitioner;
    }
    return nullptr;
}

Status unusable_partitioner(const std::string& name) {
    return Status::fatal(
        in_property("partitioner") + " can't be set to \"" + name +
            "\": events of one key must stay in one partition",
        "one of murmur2_random, murmur2, consistent_random, consistent, fnv1a_random, fnv1a");
}

// max.in.flight ≤ 5 is what idempotence allows. linger.ms=0 sends at once what comes singly (0.1 ms instead
// of 5 to an acknowledgement, measured) and costs a busy stream nothing: while five requests are in flight
// the next batch grows by itself.
const std::map<std::string, std::string>& our_defaults() {
    static const std::map<std::string, std::string> values = {
        {"enable.idempotence", "true"},
        {"enable.gapless.guarantee", "true"},
        {"acks", "all"},
        {"max.in.flight", "5"},
        {"message.timeout.ms", "0"},
        {"retries", "2147483647"},
        {"queue.buffering.max.messages", "0"},
        {"queue.buffering.max.kbytes", "2147483647"},
        {"compression.type", "lz4"},
        {"linger.ms", "0"},
        {"socket.nagle.disable", "true"},
        {"log.connection.close", "false"},
    };
    return values;
}

}  // namespace

Result<ProducerSettings> make_producer_settings(const ProducerNeeds& needs,
                                                const std::map<std::string, std::string>& properties) {
    ProducerSettings settings;
    settings.conf.reset(rd_kafka_conf_new());
    settings.partitioner = rd_kafka_msg_partitioner_murmur2_random;
    rd_kafka_conf_t* const conf = settings.conf.get();
    CDC_RETURN_IF_ERROR(set(conf, "bootstrap.servers", needs.brokers));
    CDC_RETURN_IF_ERROR(set(conf, "client.id", needs.client_id));
    for (const auto& [name, value] : our_defaults())
        CDC_RETURN_IF_ERROR(set(conf, name, value));
    if (needs.large_messages) CDC_RETURN_IF_ERROR(set(conf, "message.max.bytes", largest_message));
    if (!needs.transactional_id.empty()) {
        CDC_RETURN_IF_ERROR(set(conf, "transactional.id", needs.transactional_id));
        // The transaction as a whole takes its place: what it lacks can't be committed.
        CDC_RETURN_IF_ERROR(set(conf, "enable.gapless.guarantee", "false"));
    }
    for (const auto& [name, value] : properties) {
        CDC_RETURN_IF_ERROR(check_guarded(name, value));
        if (name == "partitioner") {
            settings.partitioner = partitioner_named(value);
            if (settings.partitioner == nullptr) return unusable_partitioner(value);
        } else {
            CDC_RETURN_IF_ERROR(set(conf, name, value));
        }
        if (name == "allow.auto.create.topics") settings.create_topics = value == "true";
    }
    settings.transaction_timeout = std::chrono::milliseconds(number_of(conf, "transaction.timeout.ms"));
    settings.batch_bytes = static_cast<std::size_t>(number_of(conf, "batch.size"));
    return settings;
}

Result<ConfHandle> make_consumer_conf(const ConsumerSettings& settings, Isolation isolation) {
    ConfHandle conf(rd_kafka_conf_new());
    rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t*, int, const char* facility, const char* text) {
        log_debug("kafka: checkpoint reader: {}: {}", facility, text);
    });
    for (const auto& [name, value] : settings.properties) {
        if (name != "partitioner" && name != "client.id") CDC_RETURN_IF_ERROR(set(conf.get(), name, value));
    }
    const std::map<std::string, std::string> needs = {
        {"bootstrap.servers", settings.brokers},
        {"client.id", "cdc-worker-checkpoint"},
        {"group.id", "cdc-worker-checkpoint"},  // asked for, never used: nothing is committed
        {"isolation.level", isolation == Isolation::read_committed ? "read_committed" : "read_uncommitted"},
        {"enable.partition.eof", "true"},
        {"enable.auto.commit", "false"},
        {"auto.offset.reset", "error"},
        {"fetch.wait.max.ms", "10"},
    };
    for (const auto& [name, value] : needs)
        CDC_RETURN_IF_ERROR(set(conf.get(), name, value));
    return conf;
}

}  // namespace cdc::kafka
