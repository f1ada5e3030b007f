// Backfill: the reading thread.
#include <poll.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "pipeline/backfill.h"
#include "source/source_connection.h"

namespace cdc {

using namespace std::chrono_literals;
using incremental::RunProgress;

namespace {

constexpr auto look_interval = 5s;  // for signals whose notification was lost with a connection
constexpr auto retry_interval = 1s;
constexpr auto tell_interval = 10s;  // how often the log says how far a run is

std::string random_id() {
    std::random_device device;
    std::string id;
    for (int i = 0; i < 4; ++i)
        id += fmt::format("{:08x}", device());
    return id;
}

// Who may have changed the table in a transaction that has not ended.
const char* const writers_sql =
    "SELECT DISTINCT l.virtualtransaction, CASE WHEN l.pid IS NULL THEN 'the prepared transaction ' || "
    "l.virtualtransaction ELSE 'process ' || l.pid || coalesce(' of ' || a.usename, '') || coalesce(', ' || "
    "a.state, '') END FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'relation' AND l.granted AND l.relation = $1::oid AND l.database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database()) AND l.mode IN ('RowExclusiveLock', "
    "'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') AND l.pid IS DISTINCT FROM "
    "pg_backend_pid()";

void begin_run(source::SnapshotSignal& signal) {
    signal.run_id = random_id();
    signal.rows = signal.left_out = signal.bytes = signal.chunks = 0;
}

void tell_statistics(Statistics& statistics, const source::SnapshotSignal& signal) {
    statistics.run_rows.store(signal.passed());
    statistics.run_rows_expected.store(signal.estimated_rows);
    statistics.run_bytes.store(signal.bytes);
    statistics.run_percent.store(source::percent_of(signal).value_or(-1));
    statistics.run.store(signal.id);
}

}  // namespace

Status Backfill::connect() {
    auto opened =
        source::open_source_connection(parts_.config.source.dsn, parts_.application_name, pq::Mode::sql);
    if (!opened.ok()) return opened.status();
    sql_.emplace(std::move(*opened));
    // Its commits wait for the server's own disk, which lets the stream have them, and for no standby; nobody
    // who locks the signals keeps the worker from ending.
    return sql_->execute("SET synchronous_commit = local; SET lock_timeout = '10s'");
}

// Sleeps until something is notified, at most so long; false where it is to stop.
bool Backfill::pause(std::chrono::milliseconds time) {
    std::array<pollfd, 2> entries = {pollfd{stop_.fd(), POLLIN, 0},
                                     pollfd{sql_ ? PQsocket(sql_->native()) : -1, POLLIN, 0}};
    ::poll(entries.data(), entries.size(), static_cast<int>(time.count()));
    if (sql_ && entries[1].revents != 0) {
        PQconsumeInput(sql_->native());
        while (PGnotify* notice = PQnotifies(sql_->native()))
            PQfreemem(notice);
    }
    return entries[0].revents == 0;
}

void Backfill::run() {
    bool failing = false;  // it has been said
    do {
        Status status = sql_ ? Status{} : connect();
        if (status.ok()) status = sql_->execute("LISTEN cdc_envelope_snapshot");
        if (status.ok()) status = work();
        if (status.ok()) failing = false;
        if (status.ok() || stopping()) continue;
        if (!std::exchange(failing, true))
            log_warning("pipeline {}: snapshots beside the stream: {}", parts_.config.name,
                        status.to_string());
        sql_.reset();
    } while (pause(sql_ ? look_interval : std::chrono::milliseconds(retry_interval)));
}

Status Backfill::work() {
    while (!stopping()) {
        auto signals = source::snapshot_signals(*sql_, parts_.config.source.slot, false);
        if (!signals.ok()) return signals.status();
        if (signals->empty()) return {};
        CDC_RETURN_IF_ERROR(handle(signals->front()));
    }
    return {};
}

Status Backfill::end(Signal& signal, const char* state, const std::string& message) {
    {
        const std::lock_guard lock(mutex_);
        window_.reset();
        lease_.release();
    }
    parts_.statistics.run.store(0);
    signal.state = state;
    signal.message = message;
    log_info("pipeline {}: snapshot {} of {}.{} is {}: {} rows in {} chunks{}", parts_.config.name, signal.id,
             signal.schema, signal.table, state, signal.rows, signal.chunks,
             message.empty() ? "" : "; " + message);
    return source::report(*sql_, signal);
}

Status Backfill::handle(Signal signal) {
    const bool under_way = [&] {
        const std::lock_guard lock(mutex_);
        // Where it was never reported, or somebody has set it back by hand, it begins.
        return (window_ || progress_.done) && progress_.signal == signal.id && signal.state != "requested";
    }();
    if (!under_way) begin_run(signal);
    const Status status = read_table(signal);
    if (status.ok() || status.code() == StatusCode::retry) return status;
    return end(signal, "failed", status.to_string());
}

// A signal to stop or to pause.
Status Backfill::heed(Signal& signal) {
    while (!stopping()) {
        const auto wanted = source::wanted_of(*sql_, signal.id);
        if (!wanted.ok()) return wanted.status();
        signal.wanted = wanted->value_or("stop");
        if (signal.wanted != "pause") break;
        if (signal.state != "paused") {
            signal.state = "paused";
            CDC_RETURN_IF_ERROR(source::report(*sql_, signal));
        }
        CDC_RETURN_IF_ERROR(forget_seen());
        pause(look_interval);
    }
    if (signal.state == "running" || signal.wanted == "stop") return {};
    signal.state = "running";
    return source::report(*sql_, signal);
}

// Where the run had come in the old key's order says nothing of the new one's.
void Backfill::forget_other_form(Signal& signal) {
    const std::lock_guard lock(mutex_);
    if (!window_ || progress_.signal != signal.id || progress_.form == table_.form()) return;
    window_.reset();
    progress_ = {};
    begin_run(signal);
}

Status Backfill::read_table(Signal& signal) {
    CDC_RETURN_IF_ERROR(heed(signal));
    if (signal.wanted == "stop")
        return end(signal, "stopped", std::exchange(emptied_, false) ? not_whole : "");
    auto table = source::describe_table(*sql_, parts_.config.source, signal.schema, signal.table);
    if (!table.ok()) return table.status();
    table_ = std::move(*table);
    signal.estimated_rows = table_.table.estimated_rows;
    forget_other_form(signal);
    if (table_.in_one_pass()) return read_in_one_pass(signal);
    bool fresh = false;
    {
        const std::lock_guard lock(mutex_);
        fresh = !window_ || progress_.signal != signal.id;
        // After a lost connection nobody waits for the chunk that was open.
        if (!fresh) window_->drop();
        if (!fresh) {
            signal.rows = progress_.rows;
            signal.chunks = progress_.chunks;
        }
        delivered_.reset();
        lease_.release();
    }
    if (fresh) {
        RunProgress progress;
        progress.signal = signal.id;
        progress.run = signal.run_id;
        progress.form = table_.form();
        activate(std::move(progress));
        log_info("pipeline {}: snapshot {} of {} begins, run {}", parts_.config.name, signal.id,
                 source::display_name(table_.table), signal.run_id);
    }
    signal.message.clear();
    began_ = told_ = std::chrono::steady_clock::now();
    rows_before_ = signal.passed();
    tell_statistics(parts_.statistics, signal);
    CDC_RETURN_IF_ERROR(source::report(*sql_, signal));
    CDC_RETURN_IF_ERROR(wait_for_writers(signal));
    for (;;) {
        CDC_RETURN_IF_ERROR(heed(signal));
        if (stopping()) return {};
        if (signal.wanted == "stop") return end(signal, "stopped", "");
        const auto done = [&]() -> std::optional<std::uint64_t> {
            const std::lock_guard lock(mutex_);
            return progress_.done ? std::optional(done_number_) : std::nullopt;
        }();
        if (done) {
            CDC_RETURN_IF_ERROR(wait_until_stored(*done));
            return stopping() ? Status() : end(signal, "done", "");
        }
        CDC_RETURN_IF_ERROR(read_one(signal));
    }
}

Status Backfill::read_one(Signal& signal) {
    while (!parts_.budget.has_room()) {
        CDC_RETURN_IF_ERROR(forget_seen());
        if (!pause(20ms)) return {};
    }
    source::ChunkRequest request;
    request.condition = signal.condition;
    if (!signal.delivered.empty()) {
        auto delivered = incremental::read_delivered(signal.delivered);
        if (!delivered.ok()) return delivered.status();
        request.delivered = std::move(*delivered);
    }
    request.max_rows = static_cast<std::size_t>(signal.chunk_rows);
    request.max_bytes = parts_.config.memory_limit / 4;
    request.max_time = parts_.config.snapshot.chunk_time;
    {
        const std::lock_guard lock(mutex_);
        request.again = window_->read_again().keys();
        if (request.again.size() > request.max_rows) request.again.resize(request.max_rows);
        if (!window_->read_again().from_start()) request.after = progress_.after;
        log_debug("pipeline {}: snapshot {} reads chunk {} of run {}, and {} rows again", parts_.config.name,
                  signal.id, progress_.chunks + 1, progress_.run, request.again.size());
    }
    auto read = source::read_chunk(*sql_, parts_.config.source, table_, request, stop_check_);
    if (!read.ok()) return read.status();
    CDC_RETURN_IF_ERROR(failpoint("backfill_read"));
    if (read->of_another_form) {
        return Status::retry("table " + source::display_name(table_.table) + " of snapshot " +
                             std::to_string(signal.id) +
                             " has got another key, name or parent: it is read from its start");
    }
    {
        const std::lock_guard lock(mutex_);
        // A row may be longer than the budget, and the stream must come to the mark all the same.
        lease_ = parts_.budget.take(std::min(read->chunk.bytes.size(), parts_.budget.limit() / 2));
        last_ = read->last;
        end_ = read->end;
        delivered_.reset();
        CDC_RETURN_IF_ERROR(window_->open(std::move(read->chunk)));
    }
    changed_.signal();
    CDC_RETURN_IF_ERROR(source::nudge(*sql_, signal.id));
    const Result<Delivered> delivered = wait_for_delivery();
    if (!delivered.ok() || stopping()) return delivered.status();
    CDC_RETURN_IF_ERROR(failpoint("backfill_delivered"));
    if (!delivered->whole) {
        auto table = source::describe_table(*sql_, parts_.config.source, signal.schema, signal.table);
        if (!table.ok()) return table.status();
        table_ = std::move(*table);
        return {};
    }
    // The next one is read when no crash can make this one be read again.
    CDC_RETURN_IF_ERROR(wait_until_stored(delivered->number));
    if (stopping()) return {};
    return progressed(signal, *delivered);
}

Status Backfill::progressed(Signal& signal, const Delivered& delivered) {
    signal.rows += delivered.rows;
    signal.left_out += delivered.left_out;
    signal.bytes += delivered.bytes;
    {
        const std::lock_guard lock(mutex_);
        signal.chunks = progress_.chunks;
    }
    return tell_progress(signal);
}

Status Backfill::tell_progress(const Signal& signal) {
    tell_statistics(parts_.statistics, signal);
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ >= tell_interval) {
        told_ = now;
        const double rows = static_cast<double>(signal.passed() - rows_before_);
        const double seconds = std::chrono::duration<double>(now - began_).count();
        log_info("pipeline {}: snapshot {} of {}: {}", parts_.config.name, signal.id,
                 source::display_name(table_.table), source::progress_text(signal, rows / seconds));
    }
    return source::report(*sql_, signal);
}

Result<Backfill::Delivered> Backfill::wait_for_delivery() {
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            moved_on_.wait_for(lock, 1s, [&] { return delivered_.has_value() || stopping(); });
            if (delivered_) return *std::exchange(delivered_, std::nullopt);
        }
        if (stopping()) return Delivered{};
        CDC_RETURN_IF_ERROR(forget_seen());
    }
}

// Whatever is waited for, the stream goes on and the window must not grow with it.
Status Backfill::forget_seen() {
    {
        const std::lock_guard lock(mutex_);
        if (!window_ || !window_->wants_forgetting()) return {};
    }
    auto rows = sql_->query("SELECT pg_current_snapshot()");
    if (!rows.ok()) return rows.status();
    const auto seen = incremental::Visibility::parse(rows->text(0, 0));
    if (!seen.ok()) return seen.status();
    const std::lock_guard lock(mutex_);
    window_->forget(*seen);
    return {};
}

Status Backfill::wait_until_stored(std::uint64_t number) {
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            moved_on_.wait_for(lock, 1s, [&] { return stored_ >= number || stopping(); });
            if (stored_ >= number) return {};
        }
        if (stopping()) return {};
        CDC_RETURN_IF_ERROR(forget_seen());
    }
}

// A transaction that was streamed before the window was there may not be seen yet by snapshots; it has its
// lock on the table as long.
Status Backfill::wait_for_writers(Signal& signal) {
    const std::string oid = std::to_string(table_.table.oid);
    std::optional<std::set<std::string>> waited_for;
    for (int look = 0;; ++look) {
        auto rows = sql_->query(writers_sql, {oid.c_str()});
        if (!rows.ok()) return rows.status();
        std::set<std::string> left;
        std::string who;
        for (int row = 0; row < rows->count(); ++row) {
            const std::string id(rows->text(row, 0));
            if (waited_for && !waited_for->contains(id)) continue;
            left.insert(id);
            who = rows->text(row, 1);
        }
        if (left.empty()) break;
        waited_for = std::move(left);
        CDC_RETURN_IF_ERROR(forget_seen());
        if (look % 100 == 20) {  // after 2 s, then every 10 s
            signal.message = "waits for " + who + " to end, which may have changed the table";
            log_info("pipeline {}: snapshot {} {}", parts_.config.name, signal.id, signal.message);
            CDC_RETURN_IF_ERROR(source::report(*sql_, signal));
        }
        if (!pause(100ms)) return {};
    }
    signal.message.clear();
    return {};
}

}  // namespace cdc
