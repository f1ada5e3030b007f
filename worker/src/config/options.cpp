#include "config/options.h"

#include <algorithm>
#include <iterator>

namespace cdc::config {
namespace {

constexpr std::uint64_t KiB = std::uint64_t{1} << 10;
constexpr std::uint64_t MiB = std::uint64_t{1} << 20;
constexpr std::uint64_t second = 1000;  // in milliseconds
constexpr std::uint64_t hour = 3600 * second;

// All but those of the kinds of sinks.
std::vector<Option> pipeline_options() {
    return {
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
        {.path = "metrics",
         .type = Type::section,
         .description =
             "What Prometheus reads from the worker: `GET /metrics` over HTTP ([metrics.md](metrics.md))."},
        {.path = "metrics.listen",
         .type = Type::text,
         .default_note = "none: there is no endpoint",
         .description =
             "Where the endpoint listens, as `address:port`: `127.0.0.1:9464`, `[::1]:9464`, or "
             "`0.0.0.0:9464` for "
             "every address of the machine. Names are not resolved, except `localhost` (127.0.0.1); port 0 "
             "is "
             "one that is free, which the log names. A worker that can't listen there does not start."},
        {.path = "metrics.username",
         .type = Type::text,
         .default_note = "none: whoever reaches the address may read",
         .description =
             "With `password`: who may read, by HTTP's basic authentication, which does not encrypt."},
        {.path = "metrics.password",
         .type = Type::text,
         .secret = true,
         .default_note = "none",
         .description = "With `username`. Take it from the environment: `${CDC_METRICS_PASSWORD}`."},
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
        {.path = "pipelines[].source.on_form_change",
         .type = Type::choice,
         .default_text = "fail",
         .words = {"fail", "accept"},
         .description =
             "What is done at a start where events would have other bytes than those that a sink has: "
             "another "
             "release of the extension, or another `cluster`, `evidence`, `partition`, `int8`, `json`, "
             "`masks` or "
             "`max_value_bytes`. `fail`: exit code 1, and the message names what differs. `accept`: a "
             "warning; the rows that a projection has stay as they are until they change."},
        {.path = "pipelines[].slot",
         .type = Type::section,
         .description = "What becomes of the replication slot; its name is `source.slot`."},
        {.path = "pipelines[].slot.on_missing",
         .type = Type::choice,
         .default_text = "fail",
         .words = {"fail", "create", "resnapshot"},
         .description =
             "Where the slot is gone or lost (`wal_status`) though a sink has streamed from it, what was "
             "committed since then can't be had any more. `fail`: the pipeline ends with exit code 1. "
             "`resnapshot`: the slot is made anew with a snapshot, which replaces the projection's rows. "
             "`create`: the slot is made anew and streaming goes on from there, without what is missing; a "
             "warning says from where to where. At the first start `snapshot` decides."},
        {.path = "pipelines[].slot.on_shutdown",
         .type = Type::choice,
         .default_text = "keep",
         .words = {"keep", "drop"},
         .description =
             "`drop`: a clean stop (SIGTERM) drops the slot, so that the server keeps no WAL for it. That "
             "forgets the position: what is committed before the next start is missing, and the next start "
             "does what `on_missing` says. In the middle of a first snapshot it drops the slot that this "
             "keeps."},
        {.path = "pipelines[].slot.failover",
         .type = Type::boolean,
         .default_text = "false",
         .description =
             "Marks the slot to be synchronised to standbys, so that it is there after a failover "
             "(PostgreSQL 17 and later; the standby needs `sync_replication_slots = on`, the primary "
             "`synchronized_standby_slots`). `false` leaves the mark as it is."},
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
        {.path = "pipelines[].snapshot.resumable",
         .type = Type::choice,
         .default_text = "auto",
         .words = {"auto", "true", "false"},
         .description =
             "`true`: a first snapshot that is interrupted goes on: what every sink has stored is not read "
             "again ([snapshots.md](snapshots.md#a-first-snapshot-that-resumes)). It needs sinks that all "
             "keep their position, and SELECT, INSERT and UPDATE on `cdc_envelope.snapshot_signal` for the "
             "role. Not with `initial_only` and `always`. `false`: it begins again. `auto`: as `true` where "
             "that is possible; where it is not, the log says why."},
        {.path = "pipelines[].snapshot.beside_stream",
         .type = Type::boolean,
         .default_text = "false",
         .description =
             "`true`: only tables without a key are read at one point, before streaming; those with one are "
             "read beside the stream ([snapshots.md](snapshots.md#a-first-snapshot-beside-the-stream)), one "
             "after another in chunks, so that no transaction is held open for longer than one. It resumes "
             "too, whatever `resumable` says, and needs the same rights. Not with `initial_only` and "
             "`always`."},
        {.path = "pipelines[].snapshot.chunk_time",
         .type = Type::duration,
         .default_text = "10s",
         .minimum = second / 10,
         .maximum = hour,
         .description =
             "How long a chunk that is read beside the stream ([snapshots.md](snapshots.md)) may take, and "
             "so hold a transaction open: it ends after the rows that have come by then. One that begins "
             "with a search or a sort ends after its first rows."},
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
        {.path = "pipelines[].retry_max_time",
         .type = Type::duration,
         .default_note = "for ever",
         .minimum = second,
         .description =
             "How long attempts may fail, without an event becoming durable in between, before the pipeline "
             "ends with exit code 1. By default an outage is waited out however long it lasts."},
        {.path = "pipelines[].heartbeat_interval",
         .type = Type::duration,
         .default_note = "none",
         .minimum = second / 10,
         .maximum = hour,
         .description =
             "How often a logical message of the prefix `cdc_envelope.heartbeat` is written into the "
             "captured database, so that the slot moves on where only other databases of the server are "
             "written to. It is not transactional: no sink gets it, except with `messages: all`."},
        {.path = "pipelines[].sinks",
         .type = Type::sections,
         .required = true,
         .description = "Where the events go; each gets all of them. An item has one key, the kind of sink."},
    };
}

const std::vector<Option>& table() {
    static const std::vector<Option> all = [] {
        std::vector<Option> joined = pipeline_options();
        std::ranges::copy(sink_options(), std::back_inserter(joined));
        return joined;
    }();
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
