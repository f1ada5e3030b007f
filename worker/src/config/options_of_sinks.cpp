#include "config/options.h"

namespace cdc::config {
namespace {

constexpr std::uint64_t KiB = std::uint64_t{1} << 10;
constexpr std::uint64_t second = 1000;  // in milliseconds

}  // namespace

std::vector<Option> sink_options() {
    return {
        {.path = "pipelines[].sinks[].stdout",
         .type = Type::section,
         .description = "Every event as one line of JSON on standard output. At least once."},
        {.path = "pipelines[].sinks[].kafka",
         .type = Type::section,
         .description =
             "One topic per table, `<topic_prefix>.<schema>.<table>`; the record's key is the event's "
             "`key`, its value the event. Effectively once for `read_committed` readers, in order per key."},
        {.path = "pipelines[].sinks[].kafka.brokers",
         .type = Type::text,
         .default_note = "none; required unless `embedded`",
         .description = "Bootstrap servers, as `host:port,host:port`."},
        {.path = "pipelines[].sinks[].kafka.embedded",
         .type = Type::boolean,
         .default_text = "false",
         .description =
             "Runs librdkafka's in-process mock cluster instead of reaching a broker, for trials: it "
             "keeps the newest few MB in memory and is gone at exit."},
        {.path = "pipelines[].sinks[].kafka.topic_prefix",
         .type = Type::text,
         .default_note = "the pipeline's `name`",
         .description = "The first part of every topic's name. Letters, digits, `.`, `_` and `-`."},
        {.path = "pipelines[].sinks[].kafka.tombstones",
         .type = Type::boolean,
         .default_text = "false",
         .description =
             "Whether a record without a value follows each delete, so that a compacted topic forgets "
             "the key."},
        {.path = "pipelines[].sinks[].kafka.transaction_topic",
         .type = Type::boolean,
         .default_text = "false",
         .description =
             "Whether the `b` and `e` events (begin and end of a transaction) are published too, to "
             "`<topic_prefix>._transactions`."},
        {.path = "pipelines[].sinks[].kafka.transactions",
         .type = Type::boolean,
         .default_note = "`on`; `off` where `embedded`",
         .description =
             "`on`: events and position are written in Kafka transactions, whole source transactions in "
             "each: a reader with `isolation.level=read_committed` sees every event exactly once. `off`: at "
             "least once, up to 20 milliseconds sooner."},
        {.path = "pipelines[].sinks[].kafka.checkpoint_topic",
         .type = Type::text,
         .default_note = "`<topic_prefix>._checkpoints`",
         .description =
             "The compacted topic that holds the position, with `transactions`. The sink makes it where it "
             "does not exist, and refuses one that is not compacted. Losing it is losing the position."},
        {.path = "pipelines[].sinks[].kafka.commit_interval",
         .type = Type::duration,
         .default_text = "200ms",
         .minimum = 1,
         .maximum = 60 * second,
         .description =
             "Under load: how long a Kafka transaction may gather source transactions. Whenever nothing "
             "more is waiting it is committed at once; behind a source that is more than 10 ms behind its "
             "commits, after a tenth of that time. Without transactions: how long events may gather there "
             "before they are sent."},
        {.path = "pipelines[].sinks[].kafka.transaction_max_bytes",
         .type = Type::bytes,
         .default_text = "256MiB",
         .minimum = 64 * KiB,
         .description =
             "A source transaction with more bytes of events than this, or one that takes longer than half "
             "of `transaction.timeout.ms`, is spread over several Kafka transactions; its `b` and `e` "
             "events (`transaction_topic`) say where it begins and ends."},
        {.path = "pipelines[].sinks[].kafka.on_reject",
         .type = Type::choice,
         .default_text = "stop",
         .words = {"stop", "park"},
         .description =
             "What happens to an event that the brokers refuse for good (too large, topic not "
             "authorised): `stop` ends the pipeline with exit code 1; `park` puts the event whole, with the "
             "reason in headers, into `dead_letter_topic` and goes on."},
        {.path = "pipelines[].sinks[].kafka.dead_letter_topic",
         .type = Type::text,
         .default_note = "`<topic_prefix>._dead_letters`",
         .description =
             "Where refused events are parked. The sink makes it where it does not exist: kept for ever, "
             "messages up to 100 MiB."},
        {.path = "pipelines[].sinks[].kafka.on_partition_change",
         .type = Type::choice,
         .default_text = "stop",
         .words = {"stop", "accept"},
         .description =
             "When a topic gets another number of partitions while the pipeline runs, later events of a key "
             "go to another partition than earlier ones, and a reader may see them first. `stop`: the "
             "pipeline "
             "ends with exit code 1 before such a Kafka transaction is committed, and goes on when it is "
             "started "
             "again; `accept`: a warning."},
        {.path = "pipelines[].sinks[].kafka.properties",
         .type = Type::map,
         .secret = true,
         .default_note = "none",
         .description =
             "Handed to librdkafka as they are (`security.protocol`, `sasl.password`, `linger.ms`, …; its "
             "CONFIGURATION.md). One that would break the guarantee, such as `enable.idempotence: "
             "false`, is refused at the start."},
        {.path = "pipelines[].sinks[].postgres",
         .type = Type::section,
         .description =
             "A projection: one table per source table, kept equal to it, each source transaction applied "
             "whole and exactly once."},
        {.path = "pipelines[].sinks[].postgres.dsn",
         .type = Type::text,
         .required = true,
         .secret = true,
         .description =
             "The database that is written, as for `source.dsn`. The role needs CREATE on database and "
             "schemas, or tables that exist."},
        {.path = "pipelines[].sinks[].postgres.table",
         .type = Type::text,
         .default_text = "{schema}.{table}",
         .description =
             "The projection's tables, as `<schema>.<table>` with `{schema}` and `{table}` standing for "
             "the source's."},
        {.path = "pipelines[].sinks[].postgres.ledger_schema",
         .type = Type::text,
         .default_text = "public",
         .description = "The schema of `projection_ledger` (one row per source transaction) and "
                        "`projection_position`."},
        {.path = "pipelines[].sinks[].postgres.deletes",
         .type = Type::choice,
         .default_text = "tombstone",
         .words = {"tombstone", "delete"},
         .description = "What a delete does: `tombstone` marks the row (`_deleted`), `delete` removes it."},
        {.path = "pipelines[].sinks[].postgres.on_reject",
         .type = Type::choice,
         .default_text = "stop",
         .words = {"stop", "park"},
         .description =
             "What happens to an event that the target refuses for good (a constraint of its own, a value "
             "that it can't hold): `stop` ends the pipeline with exit code 1; `park` puts the event whole, "
             "with "
             "the reason, into `projection_dead_letter` and goes on."},
    };
}

}  // namespace cdc::config
