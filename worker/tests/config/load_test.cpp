#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/config_texts.h"

namespace cdc::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

TEST(Load, TakesTheDefaultsOfTheStructs) {
    const Loaded loaded = load(minimal);
    ASSERT_TRUE(loaded.config) << loaded.to_string("f");
    const Pipeline& read = loaded.config->pipelines.at(0);
    const Pipeline expected;
    EXPECT_EQ(read.source.slot, "booking");
    EXPECT_EQ(read.source.projection, "booking");
    EXPECT_EQ(read.source.cluster, expected.source.cluster);
    EXPECT_EQ(read.source.source_commit, expected.source.source_commit);
    EXPECT_EQ(read.source.messages, expected.source.messages);
    EXPECT_EQ(read.source.partition, expected.source.partition);
    EXPECT_EQ(read.source.int8, expected.source.int8);
    EXPECT_EQ(read.source.json, expected.source.json);
    EXPECT_EQ(read.source.origin, expected.source.origin);
    EXPECT_EQ(read.source.evidence, expected.source.evidence);
    EXPECT_EQ(read.source.max_value_bytes, expected.source.max_value_bytes);
    EXPECT_EQ(read.source.batch_bytes, expected.source.batch_bytes);
    EXPECT_EQ(read.source.feedback_interval, expected.source.feedback_interval);
    EXPECT_EQ(read.source.receive_timeout, expected.source.receive_timeout);
    EXPECT_EQ(read.snapshot.mode, expected.snapshot.mode);
    EXPECT_EQ(read.memory_limit, expected.memory_limit);
    EXPECT_EQ(read.shutdown_timeout, expected.shutdown_timeout);
    EXPECT_EQ(read.retry_backoff_max, expected.retry_backoff_max);
    EXPECT_EQ(loaded.config->log_level, Config{}.log_level);
    EXPECT_EQ(loaded.config->log_format, Config{}.log_format);
    EXPECT_TRUE(std::holds_alternative<StdoutSink>(read.sinks.at(0)));

    const auto sinks = load(with_sink("kafka: {embedded: true}\n      - postgres: {dsn: 'dbname=p'}"));
    ASSERT_TRUE(sinks.config) << sinks.to_string("f");
    const auto& kafka = std::get<KafkaSink>(sinks.config->pipelines[0].sinks.at(0));
    EXPECT_EQ(kafka.topic_prefix, "booking");
    EXPECT_EQ(kafka.tombstones, KafkaSink{}.tombstones);
    EXPECT_EQ(kafka.transaction_topic, KafkaSink{}.transaction_topic);
    EXPECT_FALSE(kafka.transactions) << "the embedded cluster's positions would be gone at the end";
    EXPECT_EQ(kafka.commit_interval, KafkaSink{}.commit_interval);
    EXPECT_EQ(kafka.transaction_max_bytes, KafkaSink{}.transaction_max_bytes);
    EXPECT_EQ(kafka.on_reject, KafkaSink{}.on_reject);
    const auto real = load(with_sink("kafka: {brokers: 'b:9092'}"));
    ASSERT_TRUE(real.config);
    EXPECT_TRUE(std::get<KafkaSink>(real.config->pipelines[0].sinks.at(0)).transactions);
    const auto& postgres = std::get<PostgresSink>(sinks.config->pipelines[0].sinks.at(1));
    EXPECT_EQ(postgres.table, PostgresSink{}.table);
    EXPECT_EQ(postgres.ledger_schema, PostgresSink{}.ledger_schema);
    EXPECT_EQ(postgres.deletes, PostgresSink{}.deletes);
    EXPECT_EQ(postgres.on_reject, PostgresSink{}.on_reject);
}

// Every key given, each with another value than its default.
constexpr const char* everything = R"(
log: {level: debug, format: json}
pipelines:
  - name: p-1
    source:
      dsn: "host=h dbname=shop password=${PASSWORD}"
      slot: s_1
      cluster: c
      projection: proj
      source_commit: abc
      tables: {include: [public.*, 'a."b.c"'], exclude: [public.tmp_*]}
      publications: [pub]
      masks: ["public.users.ssn:redact", "public.users.mail:hash"]
      messages: off
      partition: root
      int8: string
      json: string
      origin: none
      evidence: literal
      max_value_bytes: 1MiB
      batch_bytes: 0
      feedback_interval: 250ms
      receive_timeout: 90s
    snapshot: never
    memory_limit: 1GiB
    shutdown_timeout: 1min
    retry_backoff_max: 5s
    sinks:
      - kafka: {brokers: "k1:9092,[::1]:9093,k3", topic_prefix: shop, tombstones: yes, transaction_topic: on,
          transactions: off, on_reject: park, dead_letter_topic: letters, commit_interval: 50ms,
          transaction_max_bytes: 1MiB,
                properties: {sasl.password: "${PASSWORD}", linger.ms: 5}}
      - postgres: {dsn: dbname=p, table: "mirror.{schema}_{table}", ledger_schema: ledger, deletes: delete,
          on_reject: park}
)";

TEST(Load, ReadsASnapshotInShortAndInFull) {
    const std::map<std::string, SnapshotMode> modes = {{"initial", SnapshotMode::initial},
                                                       {"initial_only", SnapshotMode::initial_only},
                                                       {"never", SnapshotMode::never},
                                                       {"always", SnapshotMode::always},
                                                       {"when_needed", SnapshotMode::when_needed}};
    for (const auto& [word, mode] : modes)
        EXPECT_EQ(load(with("snapshot: " + word)).config->pipelines.at(0).snapshot.mode, mode) << word;
    const Loaded loaded =
        load(with("snapshot: {chunk_rows: 500, readers: 7, resumable: false, beside_stream: true, "
                  "chunk_time: 2s}\n    "));
    ASSERT_TRUE(loaded.config) << loaded.to_string("f");
    const Snapshot& snapshot = loaded.config->pipelines.at(0).snapshot;
    EXPECT_EQ(snapshot.mode, SnapshotMode::initial);
    EXPECT_EQ(snapshot.chunk_rows, 500);
    EXPECT_EQ(snapshot.readers, 7);
    EXPECT_EQ(snapshot.resumable, Resumable::no);
    EXPECT_TRUE(snapshot.beside_stream);
    EXPECT_EQ(snapshot.chunk_time, std::chrono::seconds(2));
    const Snapshot usual = load(with("")).config->pipelines.at(0).snapshot;
    EXPECT_EQ(usual.resumable, Resumable::automatic);
    EXPECT_FALSE(usual.beside_stream);
    const Loaded filtered =
        load(with_source("tables: {where: {public.a: \"id > 1\", \"public.*\": \"true\"}}"));
    ASSERT_TRUE(filtered.config) << filtered.to_string("f");
    EXPECT_THAT(filtered.config->pipelines.at(0).source.where,
                ElementsAre(testing::Pair("public.*", "true"), testing::Pair("public.a", "id > 1")));
}

TEST(Load, ReadsEveryKey) {
    const Loaded loaded = load(everything);
    ASSERT_TRUE(loaded.config) << loaded.to_string("f");
    EXPECT_EQ(loaded.config->log_level, "debug");
    EXPECT_EQ(loaded.config->log_format, "json");
    const Pipeline& pipeline = loaded.config->pipelines.at(0);
    EXPECT_EQ(pipeline.name, "p-1");
    EXPECT_EQ(pipeline.snapshot.mode, SnapshotMode::never);
    EXPECT_EQ(pipeline.memory_limit, std::size_t{1} << 30);
    EXPECT_EQ(pipeline.shutdown_timeout, 1min);
    EXPECT_EQ(pipeline.retry_backoff_max, 5s);
    const Source& source = pipeline.source;
    EXPECT_EQ(source.dsn, "host=h dbname=shop password=hunter2");
    EXPECT_EQ(source.slot, "s_1");
    EXPECT_EQ(source.cluster, "c");
    EXPECT_EQ(source.projection, "proj");
    EXPECT_EQ(source.source_commit, "abc");
    EXPECT_THAT(source.include_tables, ElementsAre("public.*", "a.\"b.c\""));
    EXPECT_THAT(source.exclude_tables, ElementsAre("public.tmp_*"));
    EXPECT_THAT(source.publication_names, ElementsAre("pub"));
    EXPECT_THAT(source.masks, ElementsAre("public.users.ssn:redact", "public.users.mail:hash"));
    EXPECT_EQ(source.messages, "off");
    EXPECT_EQ(source.partition, "root");
    EXPECT_EQ(source.int8, "string");
    EXPECT_EQ(source.json, "string");
    EXPECT_EQ(source.origin, "none");
    EXPECT_EQ(source.evidence, "literal");
    EXPECT_EQ(source.max_value_bytes, 1u << 20);
    EXPECT_EQ(source.batch_bytes, 0u);
    EXPECT_EQ(source.feedback_interval, 250ms);
    EXPECT_EQ(source.receive_timeout, 90s);
    const auto& kafka = std::get<KafkaSink>(pipeline.sinks.at(0));
    EXPECT_FALSE(kafka.embedded);
    EXPECT_EQ(kafka.brokers, "k1:9092,[::1]:9093,k3");
    EXPECT_EQ(kafka.topic_prefix, "shop");
    EXPECT_TRUE(kafka.tombstones);
    EXPECT_TRUE(kafka.transaction_topic);
    EXPECT_FALSE(kafka.transactions);
    EXPECT_EQ(kafka.checkpoint_topic, "shop._checkpoints");
    EXPECT_EQ(kafka.dead_letter_topic, "letters");
    EXPECT_EQ(kafka.on_reject, OnReject::park);
    EXPECT_EQ(kafka.commit_interval, std::chrono::milliseconds(50));
    EXPECT_EQ(kafka.transaction_max_bytes, 1u << 20);
    EXPECT_THAT(kafka.properties, ElementsAre(Pair("linger.ms", "5"), Pair("sasl.password", "hunter2")));
    const auto& postgres = std::get<PostgresSink>(pipeline.sinks.at(1));
    EXPECT_EQ(postgres.dsn, "dbname=p");
    EXPECT_EQ(postgres.table, "mirror.{schema}_{table}");
    EXPECT_EQ(postgres.ledger_schema, "ledger");
    EXPECT_EQ(postgres.deletes, Deletes::remove);
    EXPECT_EQ(postgres.on_reject, OnReject::park);
}

TEST(Load, NamesAnUnsetVariable) {
    EXPECT_THAT(refused("pipelines:\n" + pipeline("a", "password=x${CDC_NOT_SET}")),
                HasSubstr("f:3:19: pipelines[0].source.dsn: environment variable CDC_NOT_SET is not set"));
}

TEST(Load, ExpandsAfterYaml) {
    const auto loaded =
        load_text("pipelines:\n" + pipeline("a", "dbname=a", ", cluster: \"${X}\""),
                  [](const std::string&) { return std::optional<std::string>("\", slot: evil, \"x"); });
    ASSERT_TRUE(loaded.config) << loaded.to_string("f");
    EXPECT_EQ(loaded.config->pipelines[0].source.cluster, "\", slot: evil, \"x");
    EXPECT_EQ(loaded.config->pipelines[0].source.slot, "a");
}

// A secret in any wrong place or shape does not come back in a message.
TEST(Load, NeverShowsASecret) {
    for (const std::string& text :
         {"pipelines:\n" + pipeline("a", "dbname=a password='${PASSWORD}"),
          "pipelines:\n" + pipeline("a", "${PASSWORD}"),
          "pipelines:\n" + pipeline("a", "postgres://u:${PASSWORD}/@h/d"), with("memory_limit: ${PASSWORD}"),
          with("snapshot: ${PASSWORD}"), with_source("slot: \"${PASSWORD}-\""),
          with_source("masks: [\"${PASSWORD}\"]"), with_sink("kafka: {embedded: \"${PASSWORD}\"}"),
          with_sink("postgres: {dsn: \"password=hunter2 x\"}"),
          with_sink("kafka: {brokers: \"${PASSWORD}:x\"}")}) {
        const Loaded loaded = load(text);
        EXPECT_FALSE(loaded.config) << text;
        EXPECT_THAT(loaded.to_string("f"), Not(HasSubstr("hunter2")));
    }
}

TEST(Load, SharesSettingsByAnchors) {
    const Loaded loaded = load(
        "pipelines:\n  - &first\n    name: a\n    source: &source {dsn: dbname=x}\n    memory_limit: 2MiB\n"
        "    sinks: [{stdout: {}}]\n  - <<: *first\n    name: b\n    source: {<<: *source, slot: bb}\n");
    ASSERT_TRUE(loaded.config) << loaded.to_string("f");
    EXPECT_EQ(loaded.config->pipelines.at(1).name, "b");
    EXPECT_EQ(loaded.config->pipelines.at(1).memory_limit, 2u << 20);
    EXPECT_EQ(loaded.config->pipelines.at(1).source.slot, "bb");
}

class LoadFile : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "cdc_config_XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory = name;
        file = directory + "/worker.yaml";
    }
    void TearDown() override { std::filesystem::remove_all(directory); }
    Loaded written(const std::string& text, mode_t mode) {
        std::ofstream(file) << text;
        ::chmod(file.c_str(), mode);
        return load_file(file, [](const std::string&) { return std::optional<std::string>("x"); });
    }
    std::string directory;
    std::string file;
};

TEST_F(LoadFile, SaysWhyItCannotBeRead) {
    const Loaded missing = load_file("/nonexistent/worker.yaml");
    EXPECT_FALSE(missing.config);
    EXPECT_EQ(missing.to_string("/nonexistent/worker.yaml"),
              "/nonexistent/worker.yaml: could not read the configuration: No such file or directory\n");
    EXPECT_THAT(load_file(directory).to_string(directory), HasSubstr("Is a directory"));
}

TEST_F(LoadFile, ReadsAFile) {
    const Loaded loaded = written(minimal, 0600);
    ASSERT_TRUE(loaded.config) << loaded.to_string("f");
    EXPECT_THAT(loaded.problems, IsEmpty());
    EXPECT_THAT(written("# " + std::string(2 << 20, 'x') + "\n", 0600).to_string("f"),
                HasSubstr("at most 1048576"));
}

TEST_F(LoadFile, WarnsOfAPasswordThatEverybodyCanRead) {
    const std::string literal =
        "pipelines:\n" + pipeline("a", "dbname=a password=hunter2", "",
                                  "postgres: {dsn: \"postgres://u:hunter2@h/d\"}\n"
                                  "      - kafka: {embedded: true, properties: {sasl.password: hunter2}}");
    EXPECT_THAT(written(literal, 0600).problems, IsEmpty());
    const Loaded loaded = written(literal, 0644);
    EXPECT_TRUE(loaded.config) << "a warning does not stop the worker";
    const std::string text = loaded.to_string("f");
    EXPECT_EQ(loaded.problems.size(), 3u) << text;
    EXPECT_THAT(text, HasSubstr("f:3:19: warning: pipelines[0].source.dsn: a password is written out"));
    EXPECT_THAT(text, HasSubstr("f:5:25: warning: pipelines[0].sinks[0].postgres.dsn: "));
    EXPECT_THAT(text, HasSubstr("warning: pipelines[0].sinks[1].kafka.properties.sasl.password: "));
    EXPECT_THAT(text, Not(HasSubstr("hunter2")));
    const std::string endpoint = "metrics: {listen: \"127.0.0.1:1\", username: a, password: ";
    EXPECT_THAT(written(endpoint + "hunter2}\n" + minimal, 0644).to_string("f"),
                HasSubstr("f:1:57: warning: metrics.password: a password is written out"));
    EXPECT_THAT(written(endpoint + "\"${P}\"}\n" + minimal, 0644).problems, IsEmpty());
    EXPECT_THAT(written("pipelines:\n" + pipeline("a", "dbname=a password=${P}"), 0644).problems, IsEmpty());
    EXPECT_THAT(written(minimal, 0644).problems, IsEmpty());
}

TEST(SelectPipelines, KeepsTheNamedOnes) {
    const std::string text =
        "pipelines:\n" + pipeline("a", "host=x") + pipeline("booking", "host=x") + pipeline("c", "host=x");
    Config config = load(text).config.value();
    EXPECT_FALSE(select_pipelines(config, {}));
    EXPECT_EQ(config.pipelines.size(), 3u);
    const auto problem = select_pipelines(config, {"a", "bookin"});
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->to_string("f"),
              "f: pipelines: no pipeline is called \"bookin\" (hint: did you mean \"booking\")");
    EXPECT_FALSE(select_pipelines(config, {"c", "a", "c"}));
    ASSERT_EQ(config.pipelines.size(), 2u);
    EXPECT_EQ(config.pipelines[0].name, "a");
    EXPECT_EQ(config.pipelines[1].name, "c");
}

}  // namespace
}  // namespace cdc::config
