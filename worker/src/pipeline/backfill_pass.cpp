// Backfill: a table without a key is read in one pass. Nothing tells which of its rows a change is of, so the
// stream halts at the point of an exported snapshot until all rows have been handed to the sinks: every
// change before the point is in them, every other one comes after (docs/snapshots.md).
#include <memory>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "pipeline/backfill.h"

namespace cdc {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto look_interval = 1s;  // how often a pass looks whether it is still wanted, and reports

}  // namespace

// What a sink that keeps tables could not do exactly.
Status Backfill::check_pass(const Signal& signal) const {
    if (parts_.table_sink.empty()) return {};
    const std::string name = source::display_name(table_.table);
    if (!signal.condition.empty()) {
        return Status::fatal("table " + name + " has no key that tells its rows apart, so that sink " +
                                 parts_.table_sink + " can't put some of them in the place of those it has",
                             "ask for the whole table, without a condition");
    }
    if (table_.table.under_root) {
        return Status::fatal("partition " + name + " has no key that tells its rows apart, so that sink " +
                                 parts_.table_sink + " does not know which rows it has are of it",
                             "project partitions under their own names (source: partition: leaf), or take a "
                             "new snapshot");
    }
    return {};
}

Status Backfill::read_in_one_pass(Signal& signal) {
    {
        const std::lock_guard lock(mutex_);
        window_.reset();
        lease_.release();
    }
    CDC_RETURN_IF_ERROR(check_pass(signal));
    const auto done = [&]() -> std::optional<std::uint64_t> {
        const std::lock_guard lock(mutex_);
        const bool it_is = progress_.done && progress_.signal == signal.id && progress_.run == signal.run_id;
        if (!it_is) return std::nullopt;
        signal.rows = progress_.rows;
        signal.chunks = progress_.chunks;
        return done_number_;
    }();
    if (done) {
        CDC_RETURN_IF_ERROR(wait_until_stored(*done));
        if (stopping()) return {};
        CDC_RETURN_IF_ERROR(failpoint("backfill_pass_stored"));
        emptied_ = false;
        return end(signal, "done", "");
    }
    const Status status = pass(signal);
    let_stream_go_on(signal);
    // Whoever wants it to pause or stop is heeded when the signal is looked at again.
    if (status.ok() || stopping() || signal.wanted != "run") return {};
    if (status.code() != StatusCode::retry) {
        const bool emptied = std::exchange(emptied_, false);
        return emptied ? Status::fatal(status.message() + "; " + not_whole, status.hint()) : status;
    }
    signal.message = status.to_string();
    CDC_RETURN_IF_ERROR(source::report(*sql_, signal));
    return status;
}

// Asked several times a second while something is waited for.
bool Backfill::is_left_off(Signal& signal) {
    if (stopping()) return true;
    if (Clock::now() >= looked_ + look_interval) {
        looked_ = Clock::now();
        const auto wanted = source::wanted_of(*sql_, signal.id);
        if (!wanted.ok()) return true;
        signal.wanted = wanted->value_or("stop");
    }
    return signal.wanted != "run";
}

void Backfill::halt_stream_at(Lsn point) {
    gate_.ask(point);
    changed_.signal();
}

void Backfill::let_stream_go_on(const Signal& signal) {
    gate_.open();
    changed_.signal();
    if (!halted_since_) return;
    const auto halted = std::chrono::duration<double>(Clock::now() - *std::exchange(halted_since_, {}));
    log_info("pipeline {}: snapshot {} of {}: the stream goes on, it was halted for {:.1f} s",
             parts_.config.name, signal.id, source::display_name(table_.table), halted.count());
}

// Before anything halts: whoever holds the table's lock may do so for hours.
Status Backfill::wait_for_table_lock(const source::StopCheck& leave_off) {
    CDC_RETURN_IF_ERROR(sql_->execute("BEGIN"));
    const auto locked = source::query_interruptible(
        *sql_, "LOCK TABLE ONLY " + table_.quoted + " IN ACCESS SHARE MODE", leave_off);
    const Status ended = sql_->execute("ROLLBACK");
    return locked.ok() ? ended : locked.status().in("table " + source::display_name(table_.table));
}

// Makes the slot whose point and snapshot the pass is of. When the point is known, the stream may have passed
// it; so it halts before, at what is not behind the point, and follows there while the slot waits for older
// transactions. After such a wait the server reads what WAL has come meanwhile before it finds the point; it
// is not waited for if that is much.
Result<source::SnapshotSlot> Backfill::make_point(Signal& signal) {
    constexpr auto most_behind = 5s;
    const config::Source& source = parts_.config.source;
    const Result<Lsn> now = source::insert_lsn(*sql_);
    if (!now.ok()) return now.status();
    Lsn halts_at = *now;
    halt_stream_at(halts_at);
    Status failed;
    std::optional<Clock::time_point> followed;
    const auto follow = [&](int walsender_pid) {
        const auto before = source::insert_lsn_while_waiting(*sql_, walsender_pid);
        if (!before.ok()) failed = before.status();
        if (before.ok() && *before) {
            followed = Clock::now();
            halts_at = **before;
            halt_stream_at(halts_at);
        } else if (followed && Clock::now() - *followed > most_behind) {
            failed = Status::retry("after the older transactions much WAL lies before the point");
        }
    };
    auto slot = source::SnapshotSlot::create(
        source.dsn, parts_.application_name, source.slot, [&] { return !failed.ok() || is_left_off(signal); },
        follow);
    CDC_RETURN_IF_ERROR(failed);
    if (slot.ok() && slot->consistent_point() < halts_at)
        return Status::retry("the stream may have passed the point");
    return slot;
}

// The slot is only for the point and its snapshot, and goes with its connection.
Result<source::SnapshotReader> Backfill::open_pass(Signal& signal, const source::StopCheck& leave_off,
                                                   Lsn& point) {
    const config::Source& source = parts_.config.source;
    auto slot = make_point(signal);
    if (!slot.ok()) return slot.status();
    point = slot->consistent_point();
    halt_stream_at(point);
    CDC_RETURN_IF_ERROR(failpoint("backfill_point"));
    return source::SnapshotReader::open_table(source.dsn, parts_.application_name, source,
                                              slot->snapshot_name(), point, leave_off, table_.table,
                                              signal.condition);
}

Status Backfill::pass(Signal& signal) {
    const std::string name = source::display_name(table_.table);
    const source::StopCheck leave_off = [this, &signal] { return is_left_off(signal); };
    looked_ = reported_ = began_ = told_ = Clock::now();
    rows_before_ = 0;
    signal.rows = signal.left_out = signal.bytes = signal.chunks = 0;
    CDC_RETURN_IF_ERROR(wait_for_table_lock(leave_off));
    log_warning(
        "pipeline {}: snapshot {}: table {} has no key to place its rows by: it is read in one pass, run {}, "
        "for which the stream of all tables halts",
        parts_.config.name, signal.id, name, signal.run_id);
    signal.message = "waits for a point at which the table can be read in one pass";
    CDC_RETURN_IF_ERROR(source::report(*sql_, signal));
    Lsn point;
    auto reader = open_pass(signal, leave_off, point);
    if (!reader.ok()) return reader.status();
    // Its first rows are read, and so it is locked and as the snapshot shows it, before sinks give up theirs.
    auto rows = reader->next(parts_.config.source.batch_bytes);
    if (!rows.ok()) return rows.status();
    if (!rows->has_value() && reader->tables_without_rows().empty())
        return Status::fatal("table " + name + " has been dropped");
    CDC_RETURN_IF_ERROR(failpoint("backfill_read"));
    const Result<bool> halted = wait_for_halt(signal, point);
    if (!halted.ok() || !*halted) return halted.status();
    return fill_halt(signal, *reader, point, std::move(*rows), leave_off);
}

// An idle stream comes to the point as the touch of the signal commits behind it.
Result<bool> Backfill::wait_for_halt(Signal& signal, Lsn point) {
    CDC_RETURN_IF_ERROR(source::nudge(*sql_, signal.id));
    while (!gate_.wait_until_halted(100ms)) {
        if (is_left_off(signal)) return false;
    }
    halted_since_ = Clock::now();
    log_warning("pipeline {}: snapshot {} of {}: the stream is halted at {} until the table is read",
                parts_.config.name, signal.id, source::display_name(table_.table), point.to_string());
    signal.message = "the stream of all tables is halted at " + point.to_string() + " until it is read";
    CDC_RETURN_IF_ERROR(source::report(*sql_, signal));
    return true;
}

// The slices of the pass, the last of which has no row: it says that the table is whole.
Status Backfill::fill_halt(Signal& signal, source::SnapshotReader& reader, Lsn point,
                           std::optional<source::SnapshotRows> rows, const source::StopCheck& leave_off) {
    SliceBuilder builder(parts_.budget);
    for (bool first = true;; first = false) {
        const bool last = !rows.has_value();
        const std::int64_t count = last ? 0 : rows->batch.rows;
        auto made = last ? Result(std::make_shared<Slice>())
                         : builder.snapshot_slice(std::move(rows->batch.bytes), count, point);
        if (!made.ok()) return made.status();
        const std::shared_ptr<Slice> slice = std::move(*made);
        slice->kind = SliceKind::snapshot;
        slice->commit_lsn = point;
        slice->run_id = signal.run_id;
        slice->refill = {table_.names.own.schema, table_.names.own.table, first, last};
        signal.rows += count;
        signal.bytes += static_cast<std::int64_t>(slice->bytes.size());
        if (!put_in(signal, slice)) return {};
        parts_.statistics.snapshot_rows += count;
        parts_.statistics.bytes += static_cast<std::int64_t>(slice->bytes.size());
        if (last) return {};
        CDC_RETURN_IF_ERROR(failpoint("backfill_pass"));
        CDC_RETURN_IF_ERROR(tell_of_pass(signal));
        while (!parts_.budget.has_room()) {
            if (leave_off()) return {};
            pause(20ms);
        }
        auto next = reader.next(parts_.config.source.batch_bytes);
        if (!next.ok()) return next.status();
        rows = std::move(*next);
    }
}

// False where the pipeline ends.
bool Backfill::put_in(Signal& signal, const std::shared_ptr<Slice>& slice) {
    const bool last = slice->refill->ends;
    const std::lock_guard lock(mutex_);
    if (last) {
        incremental::RunProgress progress;
        progress.signal = signal.id;
        progress.run = signal.run_id;
        progress.form = table_.form();
        progress.chunks = signal.chunks = 1;
        progress.rows = signal.rows;
        progress.done = true;
        progress_ = std::move(progress);
        attach_progress(*slice);
    }
    const bool written = gate_.while_halted([&] { parts_.sinks.write(slice); });
    emptied_ = emptied_ || written;
    if (last && !written) progress_ = {};
    return written;
}

Status Backfill::tell_of_pass(Signal& signal) {
    if (Clock::now() < reported_ + look_interval) return {};
    reported_ = Clock::now();
    return tell_progress(signal);
}

}  // namespace cdc
