#include "pipeline/snapshot_resume.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/log.h"
#include "pipeline/snapshot_phase.h"
#include "source/captured_tables.h"
#include "source/slot.h"
#include "source/snapshot_signal.h"

namespace cdc {

using incremental::FirstSnapshotProgress;

namespace {

// Where streaming begins is where the slot is, and so the point that the rows were read at.
std::optional<FirstSnapshotProgress> progress_at(Lsn start, const source::SinkPosition& position,
                                                 const std::string& text) {
    if (!position.stored || position.stored->streaming || position.stored->end_lsn != start) return {};
    const auto progress = incremental::read_first_snapshot(text);
    if (!progress.ok() || progress->point != start) return {};
    return *progress;
}

// The server lets go of this worker's own lock a moment after its connection is closed.
bool read_by_another(pq::Connection& sql, const std::string& slot) {
    for (int look = 0; look < 20; ++look) {
        const auto holder = source::snapshot_holder(sql, slot);
        if (!holder.ok() || *holder == 0) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return true;
}

}  // namespace

Result<InterruptedSnapshot> interrupted_snapshot(pq::Connection& sql, const std::string& slot, Lsn start,
                                                 const std::vector<source::SinkPosition>& positions,
                                                 const std::vector<std::string>& progress) {
    InterruptedSnapshot found;
    bool any = false, all = !positions.empty();
    for (std::size_t i = 0; i < positions.size(); ++i) {
        auto of_sink = progress_at(start, positions[i], progress[i]);
        any = any || of_sink;
        if (of_sink && found.delivered && found.delivered->xmin != of_sink->xmin) of_sink.reset();
        all = all && of_sink;
        if (!all) continue;
        found.delivered = found.delivered ? common(*found.delivered, *of_sink) : *of_sink;
    }
    if (!all) found.delivered.reset();
    const auto there = source::has_snapshot_signals(sql);
    if (!there.ok()) return there.status();
    if (!*there && any) {
        return Status::fatal(
            "the first snapshot was interrupted, and how it goes on can't be read and written in "
            "cdc_envelope.snapshot_signal",
            "GRANT SELECT, INSERT, UPDATE ON cdc_envelope.snapshot_signal to the role; or drop the slot, and "
            "the snapshot is taken again");
    }
    if (!*there) return found;
    auto requests = source::reading_requests(sql, slot);
    if (!requests.ok()) return requests.status();
    found.requests = std::move(*requests);
    return found;
}

Status settle_kept_slot(pq::Connection& sql, const config::Pipeline& config,
                        const std::string& application_name, config::SnapshotMode mode,
                        const std::vector<source::SinkPosition>& positions,
                        const std::vector<std::string>& progress) {
    using config::SnapshotMode;
    const config::Source& source = config.source;
    const std::string kept = source::kept_slot_name(source.slot);
    const auto left = source::slot_state(sql, kept);
    if (!left.ok()) return left.status();
    if (!left->has_value()) return {};
    const auto slot = source::slot_state(sql, source.slot);
    if (!slot.ok()) return slot.status();
    const Lsn point = (*left)->confirmed_flush_lsn;
    bool wanted = !slot->has_value() && !(*left)->lost() && mode != SnapshotMode::always &&
                  mode != SnapshotMode::initial_only;
    if (wanted) {
        const auto found = interrupted_snapshot(sql, source.slot, point, positions, progress);
        if (!found.ok()) return found.status();
        wanted = !found->requests.empty() && found->delivered && !found->delivered->nothing();
    }
    if (wanted) return source::make_kept_permanent(source.dsn, application_name, source.slot, point);
    if (!slot->has_value()) {
        log_info("pipeline {}: the first snapshot was interrupted, and there is nothing to go on with",
                 config.name);
    }
    return source::drop_slot(source.dsn, application_name, kept);
}

Status name_kept_slot(const config::Pipeline& config, const std::string& application_name, Status status) {
    const std::string kept = source::kept_slot_name(config.source.slot);
    auto sql = source::open_source_connection(config.source.dsn, application_name, pq::Mode::sql);
    if (!sql.ok()) return status;
    const auto left = source::slot_state(*sql, kept);
    if (!left.ok() || !left->has_value() || read_by_another(*sql, config.source.slot)) return status;
    const std::string hint = status.hint().empty() ? "" : status.hint() + "; ";
    return Status::fatal(status.message() + "; slot \"" + kept +
                             "\" is kept and retains WAL: the first snapshot goes on at the "
                             "next start",
                         hint + "to give the snapshot up: SELECT pg_drop_replication_slot('" + kept + "')");
}

Status leave_to_runs(pq::Connection& sql, const config::Pipeline& config, SinkGroup& sinks,
                     const InterruptedSnapshot& interrupted) {
    const auto tables = source::captured_tables(sql, config.source);
    if (!tables.ok()) return tables.status();
    for (const source::CapturedTable& table : *tables) {
        const bool requested = std::ranges::any_of(interrupted.requests, [&](const auto& request) {
            return request.schema == table.schema && request.table == table.table;
        });
        if (requested) CDC_RETURN_IF_ERROR(tell_of_empty_table(sinks, table));
    }
    std::vector<source::RunInstead> runs;
    std::size_t done = 0, in_part = 0;
    for (const source::ReadingRequest& request : interrupted.requests) {
        source::RunInstead run{request.id, false, {}};
        if (const auto& delivered = interrupted.delivered) {
            run.done = delivered->done.contains(request.id);
            if (const auto table = delivered->tables.find(request.id);
                !run.done && table != delivered->tables.end()) {
                run.delivered = to_json(incremental::DeliveredPages{delivered->xmin, table->second.filenode,
                                                                    table->second.pages});
                ++in_part;
            }
        }
        done += run.done ? 1 : 0;
        runs.push_back(std::move(run));
    }
    CDC_RETURN_IF_ERROR(sql.execute("SET synchronous_commit = local"));
    CDC_RETURN_IF_ERROR(source::leave_to_runs(sql, runs));
    log_info(
        "pipeline {}: the first snapshot was interrupted: of its {} tables with a key {} are delivered whole "
        "and {} in part; what is missing is read beside the stream (cdc-worker snapshot status)",
        config.name, runs.size(), done, in_part);
    return {};
}

}  // namespace cdc
