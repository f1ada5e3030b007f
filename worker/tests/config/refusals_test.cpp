#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "config/config_texts.h"
#include "config/load.h"

namespace cdc::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Refusal, RefusesUnknownKeysWithTheNearest) {
    EXPECT_EQ(refused(with("snapshoot: never")),
              "f:6:5: pipelines[0]: unknown key \"snapshoot\" (hint: did you mean \"snapshot\")\n");
    EXPECT_THAT(refused(with("dsn: dbname=a")), HasSubstr("(hint: it is a key of pipelines[].source)"));
    EXPECT_THAT(refused(with("zzzzzzzz: 1")),
                HasSubstr("(hint: known keys here: name, source, slot, snapshot, "));
    EXPECT_THAT(refused(with_sink("kafak: {}")),
                StartsWith("f:5:9: pipelines[0].sinks[0]: unknown key \"kafak\""));
    EXPECT_THAT(refused(with_sink("stdout: {format: json}")), HasSubstr("stdout: unknown key \"format\""));
    EXPECT_THAT(refused(with_source("tables: {includes: [a.b]}")), HasSubstr("did you mean \"include\""));
    EXPECT_THAT(refused("lgo: {}\n" + minimal),
                StartsWith("f:1:1: unknown key \"lgo\" (hint: did you mean \"log\")"));
}

TEST(Refusal, RefusesDuplicateKeys) {
    EXPECT_THAT(refused(with("name: other")),
                StartsWith("f:6:5: name: duplicate key, first given in line 2"));
}

TEST(Refusal, RefusesMissingKeys) {
    EXPECT_THAT(refused("pipelines:\n  - name: a\n    source: {slot: x}\n    sinks: [{stdout: {}}]\n"),
                StartsWith("f:3:13: pipelines[0].source.dsn: required key is missing"));
    EXPECT_THAT(refused("pipelines:\n  - name: a\n    sinks: [{stdout: {}}]\n"),
                StartsWith("f:2:5: pipelines[0].source: required key is missing"));
    EXPECT_THAT(refused("log: {level: info}\n"), HasSubstr("pipelines: required key is missing"));
    EXPECT_THAT(refused(""), HasSubstr("pipelines: required key is missing"));
    EXPECT_THAT(refused("pipelines: []\n"), HasSubstr("pipelines: the list is empty"));
    EXPECT_THAT(refused("pipelines:\n  - {name: a, source: {dsn: dbname=a}, sinks: []}\n"),
                HasSubstr("sinks: the list is empty"));
    EXPECT_THAT(refused(with("snapshot:")), HasSubstr("snapshot.mode: the key has no value"));
    EXPECT_THAT(refused("pipelines:\n" + pipeline("a", "")), HasSubstr("dsn: the value is empty"));
}

TEST(Refusal, RefusesWrongKinds) {
    EXPECT_THAT(refused("[]"), HasSubstr("expected a map of keys, found a list"));
    EXPECT_THAT(refused("pipelines:\n  - {name: a, source: dbname=x, sinks: [{stdout: {}}]}\n"),
                HasSubstr("source: expected a map of keys, found a single value"));
    EXPECT_THAT(refused("pipelines: {name: a}"), HasSubstr("expected a list, found a map"));
    EXPECT_THAT(refused(with("memory_limit: [1]")), HasSubstr("expected a single value, found a list"));
    EXPECT_THAT(refused(with_source("publications: pub")),
                HasSubstr("expected a list, found a single value (hint: put it in brackets: [ ])"));
    EXPECT_THAT(refused(with_source("publications: [[a]]")),
                HasSubstr("publications[0]: expected a single value"));
    EXPECT_THAT(refused(with_sink("stdout")), HasSubstr("found a single value (hint: write stdout: {})"));
    EXPECT_THAT(refused(with_sink("kafka: {embedded: true, properties: {a: [1]}}")),
                HasSubstr("properties.a: expected"));
}

TEST(Refusal, RefusesBadValues) {
    EXPECT_THAT(refused(with("memory_limit: 64 parsecs")),
                HasSubstr("f:6:19: pipelines[0].memory_limit: \"64 parsecs\" is not a size (hint: "));
    EXPECT_THAT(refused(with("memory_limit: 1KiB")),
                HasSubstr("\"1KiB\" is too small (hint: at least 64KiB)"));
    EXPECT_THAT(refused(with_source("max_value_bytes: 1GiB")), HasSubstr("too large (hint: at most 512MiB)"));
    EXPECT_THAT(refused(with("shutdown_timeout: 30")), HasSubstr("\"30\" has no unit"));
    EXPECT_THAT(refused(with_source("feedback_interval: 1ms")), HasSubstr("at least 10ms"));
    EXPECT_THAT(refused(with("snapshot: inital")),
                HasSubstr("\"inital\" is not one of: initial, initial_only, never, always, when_needed "
                          "(hint: did you mean \"initial\")"));
    EXPECT_THAT(refused(with_sink("kafka: {embedded: maybe}")),
                HasSubstr("\"maybe\" is neither true nor false"));
    EXPECT_THAT(refused(with("memory_limit: 100KiB")),
                HasSubstr("memory_limit (100KiB) is less than twice batch_bytes (64KiB)"));
    EXPECT_THAT(refused(with_source("slot: Booking")), HasSubstr("slot: \"Booking\" is not a slot name"));
    EXPECT_THAT(refused(with_source("slot: " + std::string(64, 'a'))), HasSubstr("is not a slot name"));
    EXPECT_TRUE(load(with_source("slot: " + std::string(63, 'a'))).config);
    EXPECT_THAT(refused("pipelines:\n" + pipeline("a b", "dbname=a")), HasSubstr("\"a b\" is not a name"));
    EXPECT_THAT(refused("pipelines:\n" + pipeline("a-b", "dbname=a")), HasSubstr("hint: set slot"));
    EXPECT_TRUE(load("pipelines:\n" + pipeline("a-b", "dbname=a", ", slot: a_b")).config);
    EXPECT_THAT(refused(with_source("projection: ''")), HasSubstr("projection: the value is empty"));
    EXPECT_THAT(refused(with_source("cluster: \"a\\0b\"")), HasSubstr("NUL"));
}

TEST(Refusal, RefusesBadSnapshots) {
    EXPECT_THAT(
        refused(with("snapshot: initail")),
        AllOf(
            HasSubstr("pipelines[0].snapshot.mode: \"initail\" is not one of: initial, initial_only, never, "
                      "always, when_needed"),
            HasSubstr("did you mean \"initial\"")));
    EXPECT_THAT(refused(with("snapshot: {readers: 0}")), HasSubstr("\"0\" is too small (hint: at least 1)"));
    EXPECT_THAT(refused(with("snapshot: {readers: 33}")), HasSubstr("(hint: at most 32)"));
    EXPECT_THAT(refused(with("snapshot: {chunk_rows: 10KiB}")),
                HasSubstr("snapshot.chunk_rows: \"10KiB\" is not a whole number"));
    for (const std::string mode : {"always", "initial_only"}) {
        EXPECT_THAT(refused(with("snapshot: {mode: " + mode + ", resumable: true}")),
                    HasSubstr("snapshot.resumable: true does not go with mode: " + mode));
        EXPECT_THAT(refused(with("snapshot: {mode: " + mode + ", beside_stream: true}")),
                    HasSubstr("snapshot.beside_stream: true does not go with mode: " + mode));
    }
    EXPECT_THAT(refused(with("snapshot: {resumable: true}")),
                HasSubstr("snapshot.resumable: true needs sinks that keep their position"));
    EXPECT_THAT(refused(with("snapshot: {resumable: 1}")), HasSubstr("is not one of: auto, true, false"));
    EXPECT_THAT(refused(with("snapshot: [initial]")), HasSubstr("expected a map of keys, found a list"));
    EXPECT_THAT(refused(with_source("tables: {where: {orders: id > 1}}")),
                HasSubstr("is not a pattern of schema.table"));
    EXPECT_THAT(refused(with_source("tables: {where: {a.b: \" \"}}")), HasSubstr("is no condition"));
}

TEST(Refusal, RefusesBadPatterns) {
    for (const char* pattern :
         {"orders", ".orders", "public.", "a.b,c.d", "a.b.c", "a.b\\\"c", "''", " a.b", "a.b "})
        EXPECT_THAT(refused(with_source(std::string("tables: {include: [\"") + pattern + "\"]}")),
                    HasSubstr("include"))
            << pattern;
    EXPECT_TRUE(
        load(with_source(R"(tables: {include: ['a."b.c"', '*.*', '"x,y".z', '" a"."b "', 'a."""q"""']})"))
            .config);
    for (const char* mask : {"public.users.ssn", "users.ssn:redact", "a.b.c:drop", "a.b.:hash", ":hash",
                             "a.b.c,d:hash", " a.b.c:hash", "a.b.c :hash"})
        EXPECT_THAT(refused(with_source(std::string("masks: [\"") + mask + "\"]")), HasSubstr("masks[0]: "))
            << mask;
    EXPECT_THAT(refused(with_source("publications: ['a,b']")), HasSubstr("publications[0]: "));
}

TEST(Refusal, RefusesBadSinks) {
    EXPECT_THAT(refused(with_sink("kafka: {}")), HasSubstr("kafka: no broker is named"));
    EXPECT_THAT(refused(with_sink("kafka: {embedded: true, transactions: on}")),
                HasSubstr("the embedded cluster is gone"));
    EXPECT_THAT(refused(with_sink("kafka: {brokers: \"a:1\", embedded: true}")),
                HasSubstr("remove one of the two"));
    for (const char* brokers : {"a:b", "a,,b", ",", "a b", ":9092", "a:1,", "http://a:1", "ssl://:1"})
        EXPECT_THAT(refused(with_sink(std::string("kafka: {brokers: \"") + brokers + "\"}")),
                    HasSubstr("is not a list of brokers"))
            << brokers;
    EXPECT_TRUE(load(with_sink("kafka: {brokers: \"SASL_SSL://a:1,b\"}")).config);
    for (const char* name :
         {"{schema}.all", "{table}", "a.b.{table}", ".{table}", "{table}.", "{schema}.{tabel}_{table}"})
        EXPECT_THAT(refused(with_sink(std::string("postgres: {dsn: dbname=a, table: \"") + name + "\"}")),
                    HasSubstr("postgres.table: \""))
            << name;
    EXPECT_THAT(refused(with_sink("postgres: {}")), HasSubstr("postgres.dsn: required key is missing"));
    EXPECT_THAT(refused(with_sink("postgres:")), HasSubstr("postgres.dsn: required key is missing"));
    EXPECT_TRUE(load(with_sink("stdout:")).config);
    EXPECT_THAT(refused(with_sink("{}")), HasSubstr("names no sink"));
    EXPECT_THAT(refused(with_sink("{stdout: {}, kafka: {embedded: true}}")),
                HasSubstr("more than one kind of sink"));
}

TEST(Refusal, RefusesWhatClashesOverPipelines) {
    const auto two = [](const std::string& one, const std::string& other) {
        return "pipelines:\n" + one + other;
    };
    EXPECT_THAT(refused(two(pipeline("a", "host=x"), pipeline("a", "host=y"))),
                HasSubstr("pipelines[1].name: the name is that of pipelines[0].name"));
    EXPECT_THAT(
        refused(two(pipeline("a", "host=x dbname=d"), pipeline("b", "host=x port=5432", ", slot: a"))),
        HasSubstr("pipelines[1].source.slot: the slot on this server is that of pipelines[0].source.slot"));
    EXPECT_TRUE(load(two(pipeline("a", "host=x"), pipeline("b", "host=y", ", slot: a"))).config);
    const std::string projection = "postgres: {dsn: \"host=t dbname=p\"}";
    EXPECT_THAT(refused(two(pipeline("a", "host=x", "", projection),
                            pipeline("b", "host=x", ", projection: a", projection))),
                HasSubstr("pipelines[1].sinks[0].postgres: the projection \"a\" in this database"));
    EXPECT_TRUE(
        load(two(pipeline("a", "host=x", "", projection), pipeline("b", "host=x", "", projection))).config);
}

// Sinks that fence each other off, or take each other's position for their own.
TEST(Refusals, TwoKafkaSinksUnderOneName) {
    const auto with = [](const std::string& first, const std::string& second) {
        return "pipelines:\n  - name: a\n    source: {dsn: \"host=x dbname=d\"}\n    sinks:\n"
               "      - kafka: {brokers: \"k:9092\"" +
               first +
               "}\n"
               "      - kafka: {brokers: \"k:9092\"" +
               second + "}\n";
    };
    EXPECT_THAT(refused(with("", "")),
                HasSubstr("pipelines[0].sinks[1].kafka: the topic_prefix on these brokers"));
    EXPECT_THAT(refused(with(", checkpoint_topic: c", ", topic_prefix: b, checkpoint_topic: c")),
                HasSubstr("pipelines[0].sinks[1].kafka: the checkpoint_topic on these brokers"));
    EXPECT_TRUE(load(with("", ", topic_prefix: b")).config);
    EXPECT_TRUE(load(with(", transactions: off", ", transactions: off")).config);
}

TEST(Refusal, SaysAllThatIsWrongInTheFilesOrder) {
    const Loaded loaded = load(
        "pipelines:\n  - name: a\n    sinks: [{kafka: {}}, {postgres: {}}]\n"
        "    source: {dsn: \"dbname=${NONE}\", int8: text}\n    memory_limit: 1 foot\n"
        "log: {level: loud}\n");
    EXPECT_FALSE(loaded.config);
    std::vector<int> lines;
    for (const Problem& problem : loaded.problems)
        lines.push_back(problem.place.line);
    EXPECT_THAT(lines, ElementsAre(3, 3, 4, 4, 5, 6)) << loaded.to_string("f");
}

}  // namespace
}  // namespace cdc::config
