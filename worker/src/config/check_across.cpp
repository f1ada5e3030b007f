#include <algorithm>
#include <map>

#include "config/bind.h"
#include "config/dsn.h"

namespace cdc::config {
namespace {

// What must be unique, and where each was first seen.
class Unique {
  public:
    explicit Unique(Problems& problems) : problems_(problems) {}

    // False where it is not. what: "slot \"booking\" on the same server"
    bool add(const std::string& key, const std::string& path, Place place, const std::string& what,
             const std::string& hint) {
        const auto [seen, is_new] = seen_.try_emplace(key, path);
        if (!is_new)
            problems_.push_back({Severity::error, place, path, what + " is that of " + seen->second, hint});
        return is_new;
    }

  private:
    Problems& problems_;
    std::map<std::string, std::string> seen_;
};

void check_projections(const Section& section, const Pipeline& pipeline, Unique& projections) {
    std::size_t bound = 0;
    for (const Section& item : section.sections("sinks")) {
        const Section& sink = item.section("postgres");
        if (!sink.given()) continue;
        while (bound < pipeline.sinks.size() && !std::holds_alternative<PostgresSink>(pipeline.sinks[bound]))
            ++bound;
        if (bound == pipeline.sinks.size()) return;
        const auto& target = std::get<PostgresSink>(pipeline.sinks[bound++]);
        const Dsn dsn = parse_dsn(target.dsn);
        if (!dsn.valid || target.dsn.empty()) continue;
        projections.add(
            server_of(dsn) + "|" + dsn.get("dbname") + "|" + target.ledger_schema + "|" +
                pipeline.source.projection,
            sink.path(), sink.place(),
            "the projection \"" + pipeline.source.projection + "\" in this database",
            "give the pipelines different names or projections, or the sinks different ledger_schema");
    }
}

// Two sinks of a pipeline that write under one name fence each other off, and with one checkpoint topic each
// would take the other's position for its own.
void check_kafka_sinks(const Section& section, const Pipeline& pipeline, Unique& names, Unique& checkpoints) {
    std::size_t bound = 0;
    for (const Section& item : section.sections("sinks")) {
        const Section& sink = item.section("kafka");
        if (!sink.given()) continue;
        while (bound < pipeline.sinks.size() && !std::holds_alternative<KafkaSink>(pipeline.sinks[bound]))
            ++bound;
        if (bound == pipeline.sinks.size()) return;
        const auto& kafka = std::get<KafkaSink>(pipeline.sinks[bound++]);
        if (!kafka.transactions || kafka.brokers.empty()) continue;
        const std::string here = kafka.brokers + "|" + pipeline.name + "|";
        if (!names.add(here + kafka.topic_prefix, sink.path(), sink.place(),
                       "the topic_prefix on these brokers",
                       "give each of the pipeline's Kafka sinks its own"))
            continue;
        checkpoints.add(here + kafka.checkpoint_topic, sink.path(), sink.place(),
                        "the checkpoint_topic on these brokers",
                        "give each of the pipeline's Kafka sinks its own");
    }
}

// One that ends with the snapshot has no stream to read beside, and one that begins anew with every start
// has nothing to go on with.
// False where it does not go with the mode.
bool check_mode(const Section& snapshot, const char* option, SnapshotMode mode, Problems& problems) {
    if (mode != SnapshotMode::initial_only && mode != SnapshotMode::always) return true;
    problems.push_back({Severity::error, snapshot.value(option).place, snapshot.path() + "." + option,
                        std::string("true does not go with mode: ") +
                            (mode == SnapshotMode::always ? "always" : "initial_only"),
                        "remove it, or let mode be initial or when_needed"});
    return false;
}

bool keeps_position(const Sink& sink) {
    if (const auto* kafka = std::get_if<KafkaSink>(&sink)) return kafka->transactions;
    return std::holds_alternative<PostgresSink>(sink);
}

void check_resumable(const Section& section, const Pipeline& pipeline, Problems& problems) {
    const Section& snapshot = section.section("snapshot");
    const Snapshot& chosen = pipeline.snapshot;
    if (chosen.beside_stream) check_mode(snapshot, "beside_stream", chosen.mode, problems);
    if (chosen.resumable != Resumable::yes) return;
    if (!check_mode(snapshot, "resumable", chosen.mode, problems)) return;
    if (chosen.beside_stream || std::ranges::all_of(pipeline.sinks, keeps_position)) return;
    problems.push_back({Severity::error, snapshot.value("resumable").place, snapshot.path() + ".resumable",
                        "true needs sinks that keep their position, which stdout, and kafka with "
                        "transactions: off, do not",
                        "remove it: the snapshot begins again where it is interrupted"});
}

}  // namespace

void check_across(const Section& document, const Config& config, Problems& problems) {
    Unique names(problems), slots(problems), projections(problems);
    Unique kafka_names(problems), checkpoints(problems);
    const std::vector<Section>& sections = document.sections("pipelines");
    for (std::size_t i = 0; i < sections.size(); ++i) {
        const Pipeline& pipeline = config.pipelines[i];
        check_resumable(sections[i], pipeline, problems);
        const Value& name = sections[i].value("name");
        if (name.valid)
            names.add(pipeline.name, name.path, name.place, "the name", "name each pipeline differently");
        const Dsn dsn = parse_dsn(pipeline.source.dsn);
        if (dsn.valid && !pipeline.source.dsn.empty() && !pipeline.source.slot.empty()) {
            const Value& slot = sections[i].section("source").value("slot");
            slots.add(server_of(dsn) + "|" + pipeline.source.slot, slot.path, slot.place,
                      "the slot on this server", "a slot serves one pipeline: set slot to another name");
        }
        check_projections(sections[i], pipeline, projections);
        check_kafka_sinks(sections[i], pipeline, kafka_names, checkpoints);
    }
}

}  // namespace cdc::config
