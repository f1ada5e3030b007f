#include "commands/snapshot_command.h"

#include <cstdio>

#include "cli/exit_code.h"
#include "source/captured_tables.h"
#include "source/key_chunk.h"
#include "source/snapshot_requests.h"
#include "source/snapshot_signal.h"
#include "source/source_connection.h"

namespace cdc {
namespace {

struct Name {
    std::string schema, table;
};

// schema.table, as the configuration writes it; empty where all are meant.
Name split(const std::string& name) {
    const std::size_t dot = name.find('.');
    if (dot == std::string::npos) return {};
    return {name.substr(0, dot), name.substr(dot + 1)};
}

const char* why_left_out(const source::CapturedTable& table) {
    if (table.unlogged) return "it is unlogged";
    return table.has_key ? "its key is masked"
                         : "it has no key, and would halt the stream: name it with --table";
}

Result<int> start(pq::Connection& sql, const cli::Command& command, const config::Pipeline& pipeline) {
    auto tables = source::captured_tables(sql, pipeline.source);
    if (!tables.ok()) return tables.status();
    const Name wanted = split(command.table);
    int made = 0;
    for (const source::CapturedTable& table : *tables) {
        if (!command.table.empty() && (table.schema != wanted.schema || table.table != wanted.table))
            continue;
        // All that can be read without halting the stream; a table that is named is judged by the worker.
        if (command.table.empty()) {
            const auto beside = source::can_be_read_beside(sql, pipeline.source, table);
            if (!beside.ok()) return beside.status();
            if (!*beside) {
                std::fprintf(stderr, "%s: table %s is left out: %s\n", pipeline.name.c_str(),
                             source::display_name(table).c_str(), why_left_out(table));
                continue;
            }
        }
        const auto asked =
            source::request_snapshot(sql, pipeline.source.slot, table.schema, table.table, command.where);
        if (!asked.ok()) return asked.status();
        made += *asked;
    }
    if (made == 0) {
        return Status::fatal(command.table.empty() ? "there is no table to read"
                                                   : "the pipeline does not capture a table " + command.table,
                             "tables are named schema.table; a partitioned one is read by its partitions");
    }
    return made;
}

// holder: the process that reads the first snapshot; 0: none.
void print_status(const std::string& pipeline, const source::SnapshotSignal& signal, int holder) {
    const double passed = static_cast<double>(signal.passed());
    const double rate = signal.seconds > 0 ? passed / signal.seconds : 0;
    std::printf("%s: %lld %s.%s %s, %s", pipeline.c_str(), static_cast<long long>(signal.id),
                signal.schema.c_str(), signal.table.c_str(), signal.state.c_str(),
                source::progress_text(signal, rate).c_str());
    if (!signal.message.empty()) std::printf("; %s", signal.message.c_str());
    if (signal.state == "reading" && holder == 0)
        std::printf("; no worker reads it now: the next start goes on with it, or begins again");
    std::printf("\n");
}

// pause, resume or stop.
Result<int> want(pq::Connection& sql, const std::string& slot, const char* wanted, const Name& name) {
    const auto changed = source::want(sql, slot, wanted, name.schema, name.table);
    if (!changed.ok() || *changed > 0) return changed;
    const auto reading = source::reading_requests(sql, slot);
    if (!reading.ok()) return reading.status();
    if (reading->empty()) return changed;
    return Status::fatal(
        "the first snapshot is under way, which is read at one point and can't be paused or stopped",
        "stop the worker: when it is started again, what is missing is read beside the stream");
}

Result<int> act(pq::Connection& sql, const cli::Command& command, const config::Pipeline& pipeline) {
    const std::string& slot = pipeline.source.slot;
    const Name name = split(command.table);
    switch (command.action) {
        case cli::SnapshotAction::start:
            return start(sql, command, pipeline);
        case cli::SnapshotAction::pause:
            return want(sql, slot, "pause", name);
        case cli::SnapshotAction::resume:
            return want(sql, slot, "run", name);
        case cli::SnapshotAction::stop:
            return want(sql, slot, "stop", name);
        case cli::SnapshotAction::status:
            break;
    }
    const auto signals = source::snapshot_signals(sql, slot, true);
    if (!signals.ok()) return signals.status();
    const auto holder = source::snapshot_holder(sql, slot);
    if (!holder.ok()) return holder.status();
    for (const source::SnapshotSignal& signal : *signals) {
        if (command.table.empty() || (signal.schema == name.schema && signal.table == name.table))
            print_status(pipeline.name, signal, *holder);
    }
    return 1;
}

}  // namespace

int snapshot_command(const cli::Command& command, const config::Config& config) {
    if (!command.table.empty() && split(command.table).table.empty()) {
        std::fprintf(stderr, "cdc-worker: --table: \"%s\" is not schema.table\n", command.table.c_str());
        return cli::exit_usage;
    }
    int count = 0;
    for (const config::Pipeline& pipeline : config.pipelines) {
        auto sql = source::open_source_connection(pipeline.source.dsn, "cdc-worker snapshot", pq::Mode::sql);
        const Status ready = sql.ok() ? sql->execute("SET lock_timeout = '10s'") : sql.status();  // of DDL
        const Result<int> done = ready.ok() ? act(*sql, command, pipeline) : Result<int>(ready);
        if (!done.ok()) {
            std::fprintf(stderr, "%s: %s\n", pipeline.name.c_str(), done.status().to_string().c_str());
            return cli::exit_failure;
        }
        count += *done;
    }
    if (count > 0) return cli::exit_ok;
    std::fprintf(stderr, "cdc-worker: there is no snapshot under way\n");
    return cli::exit_failure;
}

}  // namespace cdc
