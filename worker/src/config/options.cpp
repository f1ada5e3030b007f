#include "config/options.h"

#include <algorithm>

namespace cdc::config {
namespace {

constexpr std::uint64_t KiB = std::uint64_t{1} << 10;
constexpr std::uint64_t MiB = std::uint64_t{1} << 20;
constexpr std::uint64_t second = 1000;  // in milliseconds
constexpr std::uint64_t hour = 3600 * second;

const std::vector<Option>& table() {
    static const std::vector<Option> all{
        {.path = "log", .type = Type::section, .description = "The worker's log, on standard error."},
        {.path = "log.level",
         .type = Type::choice,
         .default_text = "info",
         .words = {"trace", "debug", "info", "warning", "error"},
         .description =
             "The least severe messages that are logged. Row values appear at debug and trace only. "
             "`--log-level` overrides it."},
        {.path = "log.format",
         .type = Type::choice,
         .default_text = "text",
         .words = {"text", "json"},
         .description =
             "One line per message: `text` for people, `json` (`ts`, `level`, `message`) for a log "
             "collector."},
        {.path = "pipelines",
         .type = Type::sections,
         .required = true,
         .description =
             "What the worker runs, side by side: each pipeline is one replication slot and its sinks. "
             "A pipeline that fails does not stop the others."},
        {.path = "pipelines[].name",
         .type = Type::text,
         .required = true,
         .description =
             "Names the pipeline in log, metrics and `--pipeline`, and is the default of `slot`, "
             "`projection` and `topic_prefix`. Letters, digits, `.`, `_` and `-`; unique in the file."},
        {.path = "pipelines[].source",
         .type = Type::section,
         .required = true,
         .description = "The database that is read, and what of it."},
        {.path = "pipelines[].source.dsn",
         .type = Type::text,
         .required = true,
         .secret = true,
         .description =
             "The database, as a libpq connection string: `host=… dbname=… user=…` or "
             "`postgresql://…`. The role needs LOGIN and REPLICATION, and SELECT on the tables for the "
             "snapshot. Take the password from the environment (`password=${CDC_PASSWORD}`) or from "
             "libpq's password file."},
        {.path = "pipelines[].source.slot",
         .type = Type::text,
         .default_note = "the pipeline's `name`",
         .description =
             "The replication slot: created at the first start, with the snapshot, and kept from then "
             "on. Lower-case letters, digits and `_`, at most 63. It holds back the server's WAL until "
             "every sink has it: drop it when the pipeline is retired."},
        {.path = "pipelines[].source.cluster",
         .type = Type::text,
         .default_note = "the server's `cluster_name`, else its system identifier",
         .description = "The cluster's name in `source_id`. Set it where the same data may come from another "
                        "server one day (a failover, a restored copy)."},
        {.path = "pipelines[].source.projection",
         .type = Type::text,
         .default_note = "the pipeline's `name`",
         .description =
             "Names this consumer: in `evidence_id` and in the ledger and position tables of a postgres "
             "sink."},
        {.path = "pipelines[].source.source_commit",
         .type = Type::text,
         .default_text = "unknown",
         .description =
             "The version of the source system (a commit, a release) that goes into `evidence_id`."},
        {.path = "pipelines[].source.evidence",
         .type = Type::choice,
         .default_text = "hash",
         .words = {"hash", "literal"},
         .description =
             "Whether `evidence_id` is the SHA-256 of `<source_commit>@projection:<projection>` or that "
             "text itself."},
        {.path = "pipelines[].source.tables",
         .type = Type::section,
         .description = "Which tables, by name. `*` stands for any run of characters; a name with a dot or "
                        "comma in it goes "
                        "into double quotes."},
        {.path = "pipelines[].source.tables.include",
         .type = Type::list,
         .default_note = "every table",
         .description = "Patterns of `schema.table`; a table is captured where one of them matches."},
        {.path = "pipelines[].source.tables.exclude",
         .type = Type::list,
         .default_note = "none",
         .description = "Patterns of `schema.table` that are not captured even where `include` matches."},
        {.path = "pipelines[].source.tables.where",
         .type = Type::map,
         .default_note = "every row",
         .description =
             "Patterns of `schema.table`, each with an SQL condition on the table's own columns: which of "
             "its rows a snapshot reads. Changes are streamed whatever it says; what restricts both is a "
             "publication's row filter. No subqueries, no volatile functions."},
        {.path = "pipelines[].source.publications",
         .type = Type::list,
         .default_note = "none: not restricted",
         .description =
             "PostgreSQL's own publications: their tables, operations, column lists and row filters "
             "apply, on top of `tables`."},
        {.path = "pipelines[].source.masks",
         .type = Type::list,
         .default_note = "none",
         .description =
             "Columns whose value must not leave the server: `schema.table.column:redact` (the value is "
             "replaced) or `schema.table.column:hash` (replaced by its SHA-256)."},
        {.path = "pipelines[].source.messages",
         .type = Type::choice,
         .default_text = "transactional",
         .words = {"transactional", "all", "off"},
         .description =
             "Which logical messages (`pg_logical_emit_message`) become `m` events. Any role that can "
             "log in can write one."},
        {.path = "pipelines[].source.partition",
         .type = Type::choice,
         .default_text = "leaf",
         .words = {"leaf", "root"},
         .description =
             "Whether a partition's rows carry the name of the partition or of the partitioned table."},
        {.path = "pipelines[].source.int8",
         .type = Type::choice,
         .default_text = "number",
         .words = {"number", "string"},
         .description = "How an `int8` is written; `string` for readers that can't hold more than 53 bits."},
        {.path = "pipelines[].source.json",
         .type = Type::choice,
         .default_text = "native",
         .words = {"native", "string"},
         .description = "Whether a json or jsonb value is embedded as it is or written as a string."},
        {.path = "pipelines[].source.origin",
         .type = Type::choice,
         .default_text = "any",
         .words = {"any", "none"},
         .description =
             "`none` leaves out what was itself replicated into the source (rows with a replication "
             "origin)."},
        {.path = "pipelines[].source.max_value_bytes",
         .type = Type::bytes,
         .default_text = "256MiB",
         .minimum = KiB,
         .maximum = 512 * MiB,
         .description =
             "A value whose text is longer is left out and its column listed in `oversize`: one huge "
             "value must not stop the slot."},
        {.path = "pipelines[].source.batch_bytes",
         .type = Type::bytes,
         .default_text = "64KiB",
         .maximum = 64 * MiB,
         .description =
             "About how many bytes of events the server puts into one protocol message. 0: one event per "
             "message, at more than twice the cost; larger ones than the default leave the processor's "
             "cache."},
        {.path = "pipelines[].source.feedback_interval",
         .type = Type::duration,
         .default_text = "1s",
         .minimum = 10,
         .maximum = hour,
         .description =
             "How often the durable position is reported to the server. Keep it well below the server's "
             "`wal_sender_timeout`."},
        {.path = "pipelines[].source.receive_timeout",
         .type = Type::duration,
         .default_text = "5min",
         .minimum = second,
         .maximum = hour,
         .description =
             "How long the server may say nothing, though it was asked to after half of that (10 s at most), "
             "before the connection is given up and made anew. A network that is gone is noticed in half a "
             "minute without it: this is for one that hangs. Keep it above half of the server's "
             "`wal_sender_timeout`."},
        {.path = "pipelines[].snapshot",
         .type = Type::section,
         .stands_for = "mode",
         .description = "Reading the rows that are there already. `snapshot: initial` is short for "
                        "`snapshot: {mode: initial}`."},
        {.path = "pipelines[].snapshot.mode",
         .type = Type::choice,
         .default_text = "initial",
         .words = {"initial", "initial_only", "never", "always", "when_needed"},
         .description =
             "`initial`: where the slot does not exist yet, every captured row is read once as an `r` "
             "event, and streaming goes on from exactly there. `initial_only`: the same without streaming: "
             "the pipeline ends, and leaves no slot. `never`: changes only, from the moment the slot is "
             "created. `always`: a new snapshot at every start of the worker. `when_needed`: also where "
             "streaming can't go on, as the slot is lost or a position is not in it. "
             "[operations.md](operations.md#which-snapshot-and-when) has the cases."},
        {.path = "pipelines[].snapshot.chunk_rows",
         .type = Type::number,
         .default_text = "10000",
         .minimum = 100,
         .maximum = 10'000'000,
         .description =
             "About how many rows one statement reads: a range of the table's pages, so that several "
             "readers share a large table (PostgreSQL 14 and later)."},
        {.path = "pipelines[].snapshot.readers",
         .type = Type::number,
         .default_text = "2",
         .minimum = 1,
         .maximum = 32,
         .description =
             "How many connections read side by side, on the same exported snapshot. Each uses one of the "
             "server's processors."},
        {.path = "pipelines[].memory_limit",
         .type = Type::bytes,
         .default_text = "32MiB",
         .minimum = 64 * KiB,
         .description =
             "Bytes of events that may be read and not yet durable in every sink, with what the worker "
             "keeps beside each. At the limit it stops reading from the server until the slowest sink "
             "catches up. At least twice `batch_bytes`. What the process takes in all: operations.md."},
        {.path = "pipelines[].shutdown_timeout",
         .type = Type::duration,
         .default_text = "30s",
         .minimum = second / 10,
         .maximum = hour,
         .description =
             "After SIGTERM: how long the pipeline may take to finish the open transaction and to flush "
             "its sinks. What is not done by then is done again at the next start."},
        {.path = "pipelines[].retry_backoff_max",
         .type = Type::duration,
         .default_text = "30s",
         .minimum = second / 5,
         .maximum = hour,
         .description = "The longest wait between two attempts while server or sinks can't be reached."},
        {.path = "pipelines[].sinks",
         .type = Type::sections,
         .required = true,
         .description = "Where the events go; each gets all of them. An item has one key, the kind of sink."},
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
             "does not exist. Losing it is losing the position."},
        {.path = "pipelines[].sinks[].kafka.commit_interval",
         .type = Type::duration,
         .default_text = "200ms",
         .minimum = 1,
         .maximum = 60 * second,
         .description =
             "Under load: how long a Kafka transaction may gather source transactions. Whenever nothing "
             "more is waiting it is committed at once."},
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
    return all;
}

}  // namespace

std::string_view Option::name() const {
    const std::size_t dot = path.rfind('.');
    return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

std::string_view Option::section() const {
    const std::size_t dot = path.rfind('.');
    return dot == std::string_view::npos ? std::string_view{} : path.substr(0, dot);
}

std::span<const Option> options() {
    return table();
}

const Option* find_option(std::string_view path) {
    const auto found = std::ranges::find(table(), path, &Option::path);
    return found == table().end() ? nullptr : &*found;
}

std::vector<const Option*> options_of(std::string_view section) {
    std::vector<const Option*> found;
    for (const Option& option : table()) {
        if (option.section() == section) found.push_back(&option);
    }
    return found;
}

}  // namespace cdc::config
