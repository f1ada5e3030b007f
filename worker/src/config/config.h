// The worker's configuration, validated: what one YAML file says (worker/cdc-worker.example.yaml).
// The option table (config/options.cpp) is the one list of keys, defaults and descriptions;
// docs/configuration.md is printed from it. Thread: plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace cdc::config {

struct StdoutSink {};

// What a sink does with an event that its target refuses for good: stop the pipeline, or park the event whole
// in a place for dead letters and go on.
enum class OnReject { stop, park };

// What happens when a topic has another number of partitions than before.
enum class OnPartitionChange { stop, accept };

struct KafkaSink {
    bool embedded = false;           // run librdkafka's in-process mock cluster instead of reaching a broker
    std::string brokers;             // bootstrap servers; required unless embedded
    std::string topic_prefix;        // default: the pipeline's name
    bool tombstones = false;         // a null value under the key after each delete
    bool transaction_topic = false;  // also publish b and e events, to <prefix>._transactions
    bool transactions = true;  // events and position in one Kafka transaction; default where embedded: false
    std::string checkpoint_topic;                    // where the position is; default: <prefix>._checkpoints
    std::chrono::milliseconds commit_interval{200};  // under load: how long a Kafka transaction gathers
    std::size_t transaction_max_bytes = 256u << 20;  // a longer source transaction is split
    OnReject on_reject = OnReject::stop;
    OnPartitionChange on_partition_change = OnPartitionChange::stop;
    std::string dead_letter_topic;  // where refused events are parked; default: <prefix>._dead_letters
    std::map<std::string, std::string> properties;  // handed to librdkafka (security, compression, …)
};

enum class Deletes { tombstone, remove };  // deletes: tombstone|delete

struct PostgresSink {
    std::string dsn;
    std::string table = "{schema}.{table}";  // name template of the projection's tables: <schema>.<table>
    std::string ledger_schema = "public";    // where projection_ledger and projection_position live
    Deletes deletes = Deletes::tombstone;
    OnReject on_reject = OnReject::stop;
};

using Sink = std::variant<StdoutSink, KafkaSink, PostgresSink>;

// docs/operations.md, "Which snapshot, and when".
enum class SnapshotMode { initial, initial_only, never, always, when_needed };

// Whether a first snapshot that was interrupted goes on: where that is possible, or else it is refused.
enum class Resumable { automatic, yes, no };

struct Snapshot {
    SnapshotMode mode = SnapshotMode::initial;
    std::int64_t chunk_rows = 10000;  // about how many rows are read by one statement
    int readers = 2;                  // connections that read side by side
    Resumable resumable = Resumable::automatic;
    bool beside_stream = false;                   // tables with a key are left to runs beside the stream
    std::chrono::milliseconds chunk_time{10000};  // how long a chunk beside the stream is read
};

// What is done where the events' bytes would differ in form from those delivered before.
enum class OnFormChange { fail, accept };

// What is done where the slot is gone, or lost, though a sink has streamed from it.
enum class OnMissing { fail, create, resnapshot };
enum class OnShutdown { keep, drop };

struct Slot {  // its name is the source's
    OnMissing on_missing = OnMissing::fail;
    OnShutdown on_shutdown = OnShutdown::keep;
    bool failover = false;  // synchronised to standbys, PostgreSQL 17+
};

struct Source {
    std::string dsn;
    std::string slot;        // default: the pipeline's name
    std::string cluster;     // name in source_id; default: the server's (cluster_name or system identifier)
    std::string projection;  // default: the pipeline's name
    std::string source_commit = "unknown";
    std::vector<std::string> include_tables;  // schema.table, * allowed; empty: all
    std::vector<std::string> exclude_tables;
    std::map<std::string, std::string> where;  // pattern of schema.table → condition, snapshots only
    std::vector<std::string> publication_names;
    std::vector<std::string> masks;          // schema.table.column:redact|hash
    std::string messages = "transactional";  // transactional|all|off
    std::string partition = "leaf";          // leaf|root
    std::string int8 = "number";             // number|string
    std::string json = "native";             // native|string
    std::string origin = "any";              // any|none
    std::string evidence = "hash";           // hash|literal
    std::size_t max_value_bytes = 256u << 20;
    std::size_t batch_bytes = 64u << 10;
    std::chrono::milliseconds feedback_interval{1000};
    std::chrono::milliseconds receive_timeout{300000};  // how long the server may say nothing
    OnFormChange on_form_change = OnFormChange::fail;
};

struct Pipeline {
    std::string name;
    Source source;
    Slot slot;
    Snapshot snapshot;
    std::size_t memory_limit = 32u << 20;  // bytes of events read and not yet durable
    std::chrono::milliseconds shutdown_timeout{
        30000};  // for SIGTERM: to finish the open transaction and flush
    std::chrono::milliseconds retry_backoff_max{30000};
    std::chrono::milliseconds retry_max_time{0};      // without progress; 0: for ever
    std::chrono::milliseconds heartbeat_interval{0};  // 0: none
    std::vector<Sink> sinks;
};

// The metrics endpoint; off without an address.
struct Metrics {
    std::string listen;  // "127.0.0.1:9464", "[::1]:9464": an address, never a name; empty: none
    bool ipv6 = false;
    bool loopback = false;  // only this machine reaches it
    std::string username;   // empty: whoever reaches it may read
    std::string password;
};

struct Config {
    std::string log_level = "info";
    std::string log_format = "text";
    Metrics metrics;
    std::vector<Pipeline> pipelines;
};

}  // namespace cdc::config
