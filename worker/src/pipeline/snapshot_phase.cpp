#include "pipeline/snapshot_phase.h"

#include <atomic>
#include <chrono>
#include <iterator>
#include <vector>

#include "base/failpoint.h"
#include "base/log.h"
#include "pipeline/progress.h"
#include "pipeline/snapshot_account.h"
#include "pipeline/snapshot_readers.h"
#include "pipeline/snapshot_report.h"
#include "source/slot.h"
#include "source/snapshot.h"
#include "source/snapshot_requests.h"
#include "source/snapshot_signal.h"
#include "source/source_connection.h"

namespace cdc {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kProgressInterval = std::chrono::seconds(10);

// What is told of a snapshot while it is read: the counters always, the log now and then.
class Watch {
  public:
    Watch(const SnapshotParts& parts, const source::SnapshotReader& reader, source::SnapshotSlot& slot)
        : parts_(parts), reader_(reader), slot_(slot), report_(parts.config.name, reader) {}

    Status operator()() {
        if (!kept_) CDC_RETURN_IF_ERROR(slot_.alive());
        CDC_RETURN_IF_ERROR(report_.tell());
        const source::SnapshotProgress progress = reader_.progress();
        Statistics& statistics = parts_.statistics;
        statistics.snapshot_rows_expected.store(progress.rows_expected);
        statistics.snapshot_bytes.store(progress.bytes);
        statistics.snapshot_tables.store(static_cast<std::int64_t>(progress.tables_done));
        statistics.snapshot_tables_expected.store(std::ssize(reader_.tables()));
        statistics.snapshot_pages.store(progress.pages_done);
        statistics.snapshot_pages_expected.store(progress.pages_total);
        if (Clock::now() >= next_) {
            next_ += kProgressInterval;
            log_info("{}", line_.snapshot_line());
            report_.log_tables();
        }
        return {};
    }

    // It needs its connection no longer.
    void slot_is_kept() { kept_ = true; }
    SnapshotReport& report() { return report_; }

  private:
    const SnapshotParts& parts_;
    const source::SnapshotReader& reader_;
    source::SnapshotSlot& slot_;
    SnapshotReport report_;
    bool kept_ = false;
    ProgressLine line_{"pipeline " + parts_.config.name, parts_.statistics};
    Clock::time_point next_ = Clock::now() + kProgressInterval;
};

// Those that are left to the stream's side have had none so far, and may have none at all.
Status tell_of_empty_tables(const SnapshotParts& parts, const source::SnapshotReader& reader) {
    for (const std::size_t empty : reader.tables_without_rows())
        CDC_RETURN_IF_ERROR(tell_of_empty_table(parts.sinks, reader.tables()[empty]));
    for (const source::CapturedTable& table : reader.tables_beside_the_stream())
        CDC_RETURN_IF_ERROR(tell_of_empty_table(parts.sinks, table));
    return {};
}

// As the configuration has it, with `resumable` decided: where it can't be and nobody insists, the log says
// why.
Result<config::Snapshot> decide(const SnapshotParts& parts) {
    using config::Resumable;
    config::Snapshot how = parts.config.snapshot;
    const bool streams = how.mode != config::SnapshotMode::initial_only;
    const bool goes_on = streams && how.mode != config::SnapshotMode::always;
    const Resumable wanted = goes_on && !how.beside_stream ? how.resumable : Resumable::no;
    how.resumable = Resumable::no;
    if (wanted == Resumable::no && !how.beside_stream) return how;
    const char* const option = how.beside_stream ? "snapshot.beside_stream" : "snapshot.resumable";
    Status may;
    if (wanted != Resumable::no && !parts.keeps_no_position.empty()) {
        may = Status::fatal(std::string(option) + ": sink " + parts.keeps_no_position +
                                " keeps no position, and so not how far a snapshot is",
                            "snapshot.resumable: false takes note of it");
    } else {
        auto sql =
            source::open_source_connection(parts.config.source.dsn, parts.application_name, pq::Mode::sql);
        may = sql.ok() ? source::check_may_request(*sql, option) : sql.status();
    }
    if (may.ok() && wanted != Resumable::no) how.resumable = Resumable::yes;
    if (may.ok()) return how;
    if (how.beside_stream || wanted == Resumable::yes || may.code() == StatusCode::retry) return may;
    // That a sink keeps no position is no news to whoever has chosen it.
    if (!parts.keeps_no_position.empty()) {
        log_info("pipeline {}: the snapshot begins again where it is interrupted: {}", parts.config.name,
                 may.message());
    } else {
        log_warning("pipeline {}: the snapshot begins again where it is interrupted: {}; {}",
                    parts.config.name, may.message(), may.hint());
    }
    return how;
}

// Before the slot is permanent: from then on whoever finds the slot finds the requests too. A crash in
// between leaves requests without a slot, which the next snapshot finds and does not make again.
Status request_runs(const SnapshotParts& parts, const std::vector<source::CapturedTable>& tables) {
    if (tables.empty()) return {};
    const config::Pipeline& config = parts.config;
    auto sql = source::open_source_connection(config.source.dsn, parts.application_name, pq::Mode::sql);
    CDC_RETURN_IF_ERROR(sql.status());
    CDC_RETURN_IF_ERROR(sql->execute("BEGIN; SET LOCAL synchronous_commit = local"));
    for (const source::CapturedTable& table : tables) {
        CDC_RETURN_IF_ERROR(source::request_whole_table(*sql, config.source.slot, table.schema, table.table,
                                                        config.snapshot.chunk_rows));
    }
    CDC_RETURN_IF_ERROR(sql->execute("COMMIT"));
    log_info("pipeline {}: {} tables with a key are read beside the stream (cdc-worker snapshot status)",
             config.name, tables.size());
    return failpoint("snapshot_requested");
}

Result<std::vector<source::SnapshotReader>> open_readers(const SnapshotParts& parts,
                                                         const config::Snapshot& how,
                                                         const source::SnapshotSlot& slot,
                                                         const source::StopCheck& stop) {
    const config::Pipeline& config = parts.config;
    std::vector<source::SnapshotReader> readers;
    auto first = source::SnapshotReader::open(config.source.dsn, parts.application_name, config.source,
                                              slot.snapshot_name(), slot.consistent_point(), stop, how);
    if (!first.ok()) return first.status();
    readers.push_back(std::move(*first));
    while (std::ssize(readers) < config.snapshot.readers && !readers.front().tables().empty()) {
        auto another = readers.front().another();
        if (!another.ok()) return another.status();
        readers.push_back(std::move(*another));
    }
    return readers;
}

// What an earlier snapshot left, which could be gone on with, is not this one's.
Status give_up_requests(const SnapshotParts& parts) {
    const config::Pipeline& config = parts.config;
    auto sql = source::open_source_connection(config.source.dsn, parts.application_name, pq::Mode::sql);
    CDC_RETURN_IF_ERROR(sql.status());
    const auto there = source::has_snapshot_signals(*sql);
    if (!there.ok() || !*there) return there.status();
    return source::stop_reading(*sql, config.source.slot, "a later snapshot does not read the table");
}

// Nothing of an attempt before this one is left in the figures.
void begin_statistics(Statistics& statistics, Clock::time_point now) {
    statistics.snapshot_rows.store(0);
    statistics.snapshot_rows_expected.store(0);
    statistics.snapshot_bytes.store(0);
    statistics.snapshot_tables.store(0);
    statistics.snapshot_tables_expected.store(0);
    statistics.snapshot_pages.store(0);
    statistics.snapshot_pages_expected.store(0);
    statistics.snapshot_ended.store(0);
    statistics.snapshot_began.store(now.time_since_epoch().count());
}

// One attempt at the snapshot, under the slot's exported snapshot.
class Snapshot {
  public:
    Snapshot(const SnapshotParts& parts, source::SnapshotSlot& slot,
             std::vector<source::SnapshotReader>& readers, std::atomic<bool>& failing)
        : parts_(parts),
          slot_(slot),
          readers_(readers),
          failing_(failing),
          watch_(parts, readers.front(), slot) {}

    Status take() {
        const source::SnapshotReader& first = readers_.front();
        log_info("pipeline {}: snapshot of {} tables at {}, {} readers", parts_.config.name,
                 first.tables().size(), slot_.consistent_point().to_string(), readers_.size());
        CDC_RETURN_IF_ERROR(watch_());
        if (first.tables_of_first_part() > 0 || first.tables().empty()) CDC_RETURN_IF_ERROR(read(nullptr));
        if (first.tables_of_first_part() < first.tables().size()) return take_second_part();
        CDC_RETURN_IF_ERROR(failpoint("snapshot_durable"));
        CDC_RETURN_IF_ERROR(give_up_requests(parts_));
        CDC_RETURN_IF_ERROR(request_runs(parts_, first.tables_beside_the_stream()));
        const bool alone = parts_.config.snapshot.mode == config::SnapshotMode::initial_only;
        return alone ? Status() : slot_.make_permanent();
    }

  private:
    // Until all that may be read now is durable in every sink.
    Status read(SnapshotAccount* account) {
        const Lsn point = slot_.consistent_point();
        CDC_RETURN_IF_ERROR(read_side_by_side(parts_, readers_, point, failing_, account, std::ref(watch_)));
        CDC_RETURN_IF_ERROR(tell_of_empty_tables(parts_, readers_.front()));
        CDC_RETURN_IF_ERROR(watch_());
        CDC_RETURN_IF_ERROR(failpoint("snapshot_read"));
        return make_durable();
    }

    Status make_durable() {
        const Lsn point = slot_.consistent_point();
        return parts_.sinks.on_each([point](Sink& sink, std::size_t) { return sink.end_snapshot(point); });
    }

    // The tables that a run can go on with, if need be (snapshot_resume.h). From when the slot is kept, the
    // requests say that the snapshot is not finished, and the sinks' progress how far it is.
    Status take_second_part() {
        const config::Pipeline& config = parts_.config;
        source::SnapshotReader& first = readers_.front();
        const auto begin = first.tables().begin() + static_cast<std::ptrdiff_t>(first.tables_of_first_part());
        const std::vector<source::CapturedTable> tables(begin, first.tables().end());
        auto sql = source::open_source_connection(config.source.dsn, parts_.application_name, pq::Mode::sql);
        CDC_RETURN_IF_ERROR(sql.status());
        auto locked = source::lock_snapshot(*sql, config.source.slot);
        CDC_RETURN_IF_ERROR(locked.status());
        if (!*locked) return Status::retry("another worker takes the snapshot of the slot");
        const Status status = read_requested(*sql, tables);
        return status.ok() ? status : interrupted(*sql, status);
    }

    Status read_requested(pq::Connection& sql, const std::vector<source::CapturedTable>& tables) {
        const config::Pipeline& config = parts_.config;
        source::SnapshotReader& first = readers_.front();
        // Nobody who locks the requests keeps the worker from ending.
        CDC_RETURN_IF_ERROR(sql.execute("SET synchronous_commit = local; SET lock_timeout = '2s'; BEGIN"));
        auto ids = source::request_reading(sql, config.source.slot, tables, config.snapshot.chunk_rows);
        CDC_RETURN_IF_ERROR(ids.status());
        CDC_RETURN_IF_ERROR(sql.execute("COMMIT"));
        SnapshotAccount account(slot_.consistent_point(), first.xmin(), first.tables_of_first_part(), *ids);
        CDC_RETURN_IF_ERROR(account.hand_over(parts_.sinks, {}));
        CDC_RETURN_IF_ERROR(make_durable());
        CDC_RETURN_IF_ERROR(failpoint("snapshot_requested"));
        CDC_RETURN_IF_ERROR(slot_.keep());
        watch_.slot_is_kept();
        CDC_RETURN_IF_ERROR(failpoint("snapshot_slot_kept"));
        SnapshotReport& report = watch_.report();
        report.write_to(sql, account, parts_.stop);
        first.open_rest();
        if (const Status status = read(&account); !status.ok()) {
            report.tell_last();
            return status;
        }
        CDC_RETURN_IF_ERROR(failpoint("snapshot_durable"));
        CDC_RETURN_IF_ERROR(slot_.make_permanent());
        return source::end_reading(sql, report.requested_tables());
    }

    // The kept slot stays for the next start to go on with, unless there will be nothing to go on with, or
    // the stop was to leave no slot. What fails here is left to the next start too.
    Status interrupted(pq::Connection& sql, const Status& status) {
        const std::string& slot = parts_.config.source.slot;
        const bool stopped = parts_.stop();
        const bool dropped = stopped && parts_.config.slot.on_shutdown == config::OnShutdown::drop;
        const bool nothing =
            readers_.front().tables_of_first_part() == 0 && !SnapshotAccount::any_durable(parts_.sinks);
        if (!dropped && (status.code() == StatusCode::retry || !nothing)) {
            if (stopped) {
                log_info(
                    "pipeline {}: the first snapshot is interrupted; slot \"{}\" is kept, and the next start "
                    "goes on with it",
                    parts_.config.name, source::kept_slot_name(slot));
            }
            return status;
        }
        Status given_up = slot_.give_up();
        if (given_up.ok() && PQtransactionStatus(sql.native()) != PQTRANS_IDLE)
            given_up = sql.execute("ROLLBACK");
        if (given_up.ok()) {
            const char* const why = dropped ? "the worker was stopped, with slot.on_shutdown: drop"
                                            : "the snapshot failed before any of it was durable";
            given_up = source::stop_reading(sql, slot, why);
        }
        if (!given_up.ok()) {
            log_warning("pipeline {}: giving up the first snapshot: {}", parts_.config.name,
                        given_up.to_string());
        } else if (dropped) {
            log_info(
                "pipeline {}: the first snapshot is given up, as slot.on_shutdown says, and no slot is left",
                parts_.config.name);
        }
        return status;
    }

    const SnapshotParts& parts_;
    source::SnapshotSlot& slot_;
    std::vector<source::SnapshotReader>& readers_;
    std::atomic<bool>& failing_;
    Watch watch_;
};

}  // namespace

Status tell_of_empty_table(SinkGroup& sinks, const source::CapturedTable& table) {
    if (table.under_root) return {};
    return sinks.on_each(
        [&table](Sink& sink, std::size_t) { return sink.empty_table(table.schema, table.table); });
}

Result<Lsn> take_snapshot(const SnapshotParts& parts) {
    const config::Source& source = parts.config.source;
    parts.statistics.phase.store(Phase::snapshot);
    const Clock::time_point began = Clock::now();
    begin_statistics(parts.statistics, began);
    const Result<config::Snapshot> how = decide(parts);
    if (!how.ok()) return how.status();

    Result<source::SnapshotSlot> slot =
        source::SnapshotSlot::create(source.dsn, parts.application_name, source.slot, parts.stop);
    if (!slot.ok()) return slot.status();
    const Lsn point = slot->consistent_point();
    CDC_RETURN_IF_ERROR(
        parts.sinks.on_each([point](Sink& sink, std::size_t) { return sink.begin_snapshot(point); }));
    CDC_RETURN_IF_ERROR(failpoint("snapshot_begun"));
    std::atomic<bool> failing = false;
    auto readers = open_readers(parts, *how, *slot, [&] { return parts.stop() || failing.load(); });
    if (!readers.ok()) return readers.status();
    CDC_RETURN_IF_ERROR(Snapshot(parts, *slot, *readers, failing).take());
    parts.statistics.snapshot_ended.store(Clock::now().time_since_epoch().count());
    const bool alone = parts.config.snapshot.mode == config::SnapshotMode::initial_only;
    CDC_RETURN_IF_ERROR(failpoint("snapshot_finished"));
    log_info("pipeline {}: snapshot of {} rows is durable in every sink after {:.1f} s; {}",
             parts.config.name, parts.statistics.snapshot_rows.load(),
             std::chrono::duration<double>(Clock::now() - began).count(),
             alone ? "that was all (snapshot: initial_only)" : "slot \"" + source.slot + "\" created");
    return point;
}

}  // namespace cdc
