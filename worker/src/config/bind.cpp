#include "config/bind.h"

#include "config/listen_address.h"
#include "config/quantity.h"
#include "config/rules.h"

namespace cdc::config {
namespace {

using Rule = Verdict (*)(const std::string&);

class Binder {
  public:
    explicit Binder(Problems& problems) : problems_(problems) {}

    Metrics metrics(const Section& section) {
        Metrics metrics;
        if (const auto address = parse_listen_address(text(section, "listen", check_listen_address))) {
            metrics.listen = address->text;
            metrics.ipv6 = address->ipv6;
            metrics.loopback = address->loopback;
        }
        metrics.username = text(section, "username", check_username);
        const Value& username = section.value("username");
        const Value& password = section.value("password");
        metrics.password = password.text.value;
        if (username.given != password.given)
            add(username.given ? username : password,
                username.given ? "username without password" : "password without username",
                "give both, or neither: then whoever reaches the address may read");
        // A variable that is empty must not open the endpoint.
        if (password.given && password.valid && password.text.value.empty())
            add(password, "the password is empty", "give it one, or remove username and password");
        const bool listens = section.value("listen").given;
        if (section.given() && !listens && (username.given || password.given))
            add(username.given ? username : password, "there is nothing to protect without listen",
                "set listen");
        return metrics;
    }

    Pipeline pipeline(const Section& section) {
        Pipeline pipeline;
        pipeline.name = text(section, "name", check_name);
        pipeline.source = source(section.section("source"), section.value("name"));
        pipeline.snapshot = snapshot(section.section("snapshot"));
        pipeline.slot = slot_fate(section.section("slot"));
        pipeline.memory_limit = section.value("memory_limit").number;
        pipeline.shutdown_timeout = duration(section, "shutdown_timeout");
        pipeline.retry_backoff_max = duration(section, "retry_backoff_max");
        pipeline.retry_max_time = duration(section, "retry_max_time");
        pipeline.heartbeat_interval = duration(section, "heartbeat_interval");
        for (const Section& item : section.sections("sinks"))
            sink(item, pipeline);
        check_memory(section, pipeline);
        return pipeline;
    }

  private:
    void add(const Value& value, std::string message, std::string hint) {
        problems_.push_back({Severity::error, value.place, value.path, std::move(message), std::move(hint)});
    }

    // A problem that quotes what stands in the file, not what a variable made of it.
    void complain(const Text& text, const std::string& path, const Complaint& complaint) {
        problems_.push_back(
            {Severity::error, text.place, path, "\"" + text.raw + "\" " + complaint.message, complaint.hint});
    }

    std::string text(const Section& section, std::string_view name, Rule rule) {
        const Value& value = section.value(name);
        if (!value.given || !value.valid) return value.text.value;
        if (const Verdict verdict = rule(value.text.value)) complain(value.text, value.path, *verdict);
        return value.text.value;
    }

    std::vector<std::string> list(const Section& section, std::string_view name, Rule rule) {
        const Value& value = section.value(name);
        std::vector<std::string> items;
        for (const Text& item : value.list) {
            if (const Verdict verdict = rule(item.value))
                complain(item, value.path + "[" + std::to_string(items.size()) + "]", *verdict);
            items.push_back(item.value);
        }
        return items;
    }

    static std::chrono::milliseconds duration(const Section& section, std::string_view name) {
        return std::chrono::milliseconds(section.value(name).number);
    }

    // Holds secrets: nothing of it is quoted.
    std::string dsn(const Section& section) {
        const Value& value = section.value("dsn");
        if (!value.given || !value.valid) return {};
        if (const Verdict verdict = check_dsn(value.text.value)) add(value, verdict->message, verdict->hint);
        return value.text.value;
    }

    std::string slot(const Section& section, const Value& name) {
        const Value& value = section.value("slot");
        if (value.given) return text(section, "slot", check_slot_name);
        if (name.valid && !check_name(name.text.value) && check_slot_name(name.text.value))
            add(value, "the pipeline's name can't be the slot's name too",
                "set slot, in lower-case letters, digits and \"_\"");
        return name.text.value;
    }

    static Slot slot_fate(const Section& section) {
        Slot slot;
        const std::string& missing = section.value("on_missing").text.value;
        if (missing == "create") slot.on_missing = OnMissing::create;
        if (missing == "resnapshot") slot.on_missing = OnMissing::resnapshot;
        if (section.value("on_shutdown").text.value == "drop") slot.on_shutdown = OnShutdown::drop;
        slot.failover = section.value("failover").boolean;
        return slot;
    }

    static SnapshotMode snapshot_mode(std::string_view word) {
        if (word == "initial_only") return SnapshotMode::initial_only;
        if (word == "never") return SnapshotMode::never;
        if (word == "always") return SnapshotMode::always;
        if (word == "when_needed") return SnapshotMode::when_needed;
        return SnapshotMode::initial;
    }

    static Snapshot snapshot(const Section& section) {
        Snapshot snapshot;
        snapshot.mode = snapshot_mode(section.value("mode").text.value);
        snapshot.chunk_rows = static_cast<std::int64_t>(section.value("chunk_rows").number);
        snapshot.readers = static_cast<int>(section.value("readers").number);
        const std::string_view resumable = section.value("resumable").text.value;
        if (resumable == "true") snapshot.resumable = Resumable::yes;
        if (resumable == "false") snapshot.resumable = Resumable::no;
        snapshot.beside_stream = section.value("beside_stream").boolean;
        snapshot.chunk_time = std::chrono::milliseconds(section.value("chunk_time").number);
        return snapshot;
    }

    // Keys are patterns of tables, values SQL, which the server judges (source/preflight).
    std::map<std::string, std::string> where(const Section& tables) {
        const Value& value = tables.value("where");
        std::map<std::string, std::string> conditions;
        for (const auto& [pattern, condition] : value.map) {
            const std::string path = value.path + "." + pattern;
            if (const Verdict verdict = check_table_pattern(pattern))
                complain({pattern, pattern, condition.place}, path, *verdict);
            if (condition.value.find_first_not_of(" \t\n") == std::string::npos)
                complain(condition, path, {"is no condition", "write SQL, as in \"id > 100\""});
            conditions[pattern] = condition.value;
        }
        return conditions;
    }

    Source source(const Section& section, const Value& name) {
        const auto word = [&](std::string_view key) { return section.value(key).text.value; };
        Source source;
        source.dsn = dsn(section);
        source.slot = slot(section, name);
        source.cluster = word("cluster");
        source.projection = section.value("projection").given ? word("projection") : name.text.value;
        source.source_commit = word("source_commit");
        source.include_tables = list(section.section("tables"), "include", check_table_pattern);
        source.exclude_tables = list(section.section("tables"), "exclude", check_table_pattern);
        source.where = where(section.section("tables"));
        source.publication_names = list(section, "publications", check_publication);
        source.masks = list(section, "masks", check_mask);
        source.messages = word("messages");
        source.partition = word("partition");
        source.int8 = word("int8");
        source.json = word("json");
        source.origin = word("origin");
        source.evidence = word("evidence");
        source.max_value_bytes = section.value("max_value_bytes").number;
        source.batch_bytes = section.value("batch_bytes").number;
        source.feedback_interval = duration(section, "feedback_interval");
        source.receive_timeout = duration(section, "receive_timeout");
        if (word("on_form_change") == "accept") source.on_form_change = OnFormChange::accept;
        for (const std::string_view key : {"projection", "source_commit"}) {
            if (section.value(key).given && section.value(key).valid && word(key).empty())
                add(section.value(key), "the value is empty", "give it one, or remove the key");
        }
        return source;
    }

    void check_memory(const Section& section, const Pipeline& pipeline) {
        const Value& limit = section.value("memory_limit");
        const Value& batch = section.section("source").value("batch_bytes");
        if (!limit.valid || !batch.valid || pipeline.memory_limit >= pipeline.source.batch_bytes * 2) return;
        add(limit.given ? limit : batch,
            "memory_limit (" + format_bytes(pipeline.memory_limit) + ") is less than twice batch_bytes (" +
                format_bytes(pipeline.source.batch_bytes) + ")",
            "raise memory_limit or lower source.batch_bytes");
    }

    // An item of sinks: one key, which is the kind of sink.
    void sink(const Section& item, Pipeline& pipeline) {
        int kinds = 0;
        for (const Option* option : options_of("pipelines[].sinks[]"))
            kinds += item.section(option->name()).given() ? 1 : 0;
        if (kinds != 1) {
            if (kinds > 1)
                problems_.push_back({Severity::error, item.place(), item.path(), "more than one kind of sink",
                                     "begin a new item with \"- \" for each"});
            // Without a kind the unknown key has been refused already; only an empty item has not.
            if (kinds == 0) empty_sink(item);
            return;
        }
        if (item.section("stdout").given()) pipeline.sinks.emplace_back(StdoutSink{});
        if (item.section("kafka").given())
            pipeline.sinks.emplace_back(kafka(item.section("kafka"), pipeline.name));
        if (item.section("postgres").given()) pipeline.sinks.emplace_back(postgres(item.section("postgres")));
    }

    void empty_sink(const Section& item) {
        for (const Problem& problem : problems_) {
            if (problem.path == item.path()) return;
        }
        problems_.push_back(
            {Severity::error, item.place(), item.path(), "names no sink", "write - stdout: {}"});
    }

    KafkaSink kafka(const Section& section, const std::string& pipeline) {
        KafkaSink sink;
        sink.embedded = section.value("embedded").boolean;
        sink.brokers = text(section, "brokers", check_brokers);
        sink.topic_prefix =
            section.value("topic_prefix").given ? text(section, "topic_prefix", check_name) : pipeline;
        sink.tombstones = section.value("tombstones").boolean;
        sink.transaction_topic = section.value("transaction_topic").boolean;
        kafka_delivery(section, sink);
        for (const auto& [key, property] : section.value("properties").map)
            sink.properties[key] = property.value;
        const Value& brokers = section.value("brokers");
        if (!brokers.valid || !section.value("embedded").valid) return sink;
        const Problem at_sink{Severity::error, section.place(), section.path(), "", ""};
        if (sink.embedded && brokers.given) {
            add(brokers, "brokers given, and embedded: true as well", "remove one of the two");
        } else if (!sink.embedded && !brokers.given) {
            Problem problem = at_sink;
            problem.message = "no broker is named";
            problem.hint = "set brokers, or embedded: true for a trial";
            problems_.push_back(std::move(problem));
        }
        return sink;
    }

    // How the events are delivered, and where what belongs to that is kept.
    void kafka_delivery(const Section& section, KafkaSink& sink) {
        const Value& transactions = section.value("transactions");
        sink.transactions = transactions.given ? transactions.boolean : !sink.embedded;
        if (sink.embedded && transactions.given && transactions.boolean) {
            add(transactions, "transactions: on, but the embedded cluster is gone when the worker ends",
                "remove it: the position is the slot's then");
        }
        const auto topic = [&](std::string_view key, const char* suffix) {
            const bool given = section.value(key).given;
            return given ? text(section, key, check_name) : sink.topic_prefix + suffix;
        };
        sink.checkpoint_topic = topic("checkpoint_topic", "._checkpoints");
        sink.dead_letter_topic = topic("dead_letter_topic", "._dead_letters");
        sink.commit_interval = duration(section, "commit_interval");
        sink.transaction_max_bytes = section.value("transaction_max_bytes").number;
        sink.on_reject = section.value("on_reject").text.value == "park" ? OnReject::park : OnReject::stop;
        if (section.value("on_partition_change").text.value == "accept")
            sink.on_partition_change = OnPartitionChange::accept;
    }

    PostgresSink postgres(const Section& section) {
        PostgresSink sink;
        sink.dsn = dsn(section);
        sink.table = text(section, "table", check_table_template);
        sink.ledger_schema = text(section, "ledger_schema", check_identifier);
        sink.deletes = section.value("deletes").text.value == "delete" ? Deletes::remove : Deletes::tombstone;
        sink.on_reject = section.value("on_reject").text.value == "park" ? OnReject::park : OnReject::stop;
        return sink;
    }

    Problems& problems_;
};

}  // namespace

Config bind_config(const Section& document, Problems& problems) {
    Config config;
    config.log_level = document.section("log").value("level").text.value;
    config.log_format = document.section("log").value("format").text.value;
    Binder binder(problems);
    config.metrics = binder.metrics(document.section("metrics"));
    for (const Section& section : document.sections("pipelines"))
        config.pipelines.push_back(binder.pipeline(section));
    check_across(document, config, problems);
    return config;
}

}  // namespace cdc::config
