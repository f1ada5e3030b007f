#include "pipeline/pipeline.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "config/quantity.h"
#include "pipeline/backfill.h"
#include "pipeline/snapshot_phase.h"
#include "pipeline/stream_loop.h"
#include "source/event_form.h"
#include "source/heartbeat.h"
#include "source/plugin_options.h"
#include "source/slot.h"
#include "source/snapshot_requests.h"
#include "source/source_connection.h"
#include "source/table_filter.h"

namespace cdc {

using namespace std::chrono_literals;

Pipeline::Pipeline(const config::Pipeline& config, std::vector<std::unique_ptr<Sink>> sinks)
    : config_(config),
      application_name_("cdc-worker " + config.name),
      sinks_(std::move(sinks)),
      stop_check_([this] { return stop_.requested(); }),
      budget_(config.memory_limit, [this] { room_.signal(); }),
      catalog_(config.source.dsn, application_name_, config.source.partition == "leaf"),
      retries_(config.retry_backoff_max, config.retry_max_time) {
    for (const auto& sink : sinks_) {
        statistics_.sinks.push_back(std::make_unique<SinkStatistics>());
        statistics_.sinks.back()->name = sink->name();
    }
}

Status Pipeline::run() {
    while (true) {
        statistics_.phase.store(Phase::connecting);
        const Status status = attempt();
        if (finished_ && status.ok()) {
            statistics_.phase.store(Phase::stopped);
            return {};
        }
        if (stop_.requested() && (status.ok() || status.code() == StatusCode::retry)) {
            if (!status.ok()) log_info("pipeline {}: {}", config_.name, status.to_string());
            return stopped(status.ok() && left_nothing_);
        }
        if (!status.ok() && status.code() != StatusCode::retry) return ended(status);
        if (const Status given_up = wait_before_retry(status); !given_up.ok()) return ended(given_up);
        if (stop_.requested()) return stopped(false);
    }
}

// orderly: the stream was ended with all that was read durable and confirmed.
Status Pipeline::stopped(bool orderly) {
    const bool no_slot_yet =
        statistics_.phase.exchange(Phase::stopped) == Phase::snapshot && !snapshot_taken_;
    if (config_.slot.on_shutdown != config::OnShutdown::drop || no_slot_yet) return {};
    const config::Source& source = config_.source;
    if (!orderly) {
        log_warning("pipeline {}: slot \"{}\" is kept, as not everything that was read is durable",
                    config_.name, source.slot);
        return {};
    }
    CDC_RETURN_IF_ERROR(source::drop_slot(source.dsn, application_name_, source.slot));
    log_info("pipeline {}: slot \"{}\" is dropped, as slot.on_shutdown says: its position is forgotten",
             config_.name, source.slot);
    return {};
}

Status Pipeline::ended(const Status& status) {
    statistics_.phase.store(Phase::stopped);
    return streaming_since_ || stop_.requested() ? status
                                                 : name_kept_slot(config_, application_name_, status);
}

Status Pipeline::attempt() {
    progressed_ = false;
    left_nothing_ = false;
    streaming_since_.reset();
    auto sinks = std::make_unique<SinkGroup>(sinks_, statistics_, stop_check_);
    const Status status = run_with(*sinks);
    remember(*sinks);
    if (!close(sinks)) {
        return Status::fatal(
            "a sink is still busy after shutdown_timeout; what is not durable in it will be sent again");
    }
    return status;
}

// True where all sinks are closed. A sink that is stuck is waited for, except while stopping: then it is left
// to its thread, which the end of the process ends, when shutdown_timeout is over.
bool Pipeline::close(std::unique_ptr<SinkGroup>& sinks) {
    while (!sinks->stop(100ms)) {
        if (!stop_.requested() || Clock::now() < stop_.since() + config_.shutdown_timeout) continue;
        [[maybe_unused]] SinkGroup* const still_in_use = sinks.release();
        return false;
    }
    return true;
}

Status Pipeline::run_with(SinkGroup& sinks) {
    const config::Source& source = config_.source;
    CDC_RETURN_IF_ERROR(wait_for_slot());
    Result<source::ReplicationStream> stream = source::ReplicationStream::open(source.dsn, application_name_);
    if (!stream.ok()) return stream.status();
    identity_ = stream->identity();

    CDC_RETURN_IF_ERROR(open_sinks(sinks, identity_));
    CDC_RETURN_IF_ERROR(stream->identify());  // the positions just read may be newer than the first answer
    const Result<source::StartPlan> planned = plan(*stream);
    if (!planned.ok()) return planned.status();
    const Result<Lsn> start_lsn = begin(sinks, *planned);
    if (!start_lsn.ok()) return start_lsn.status();
    if (finished_) return {};
    if (planned->action != source::StartAction::snapshot) CDC_RETURN_IF_ERROR(go_on_with_snapshot(sinks));
    if (config_.slot.failover)
        CDC_RETURN_IF_ERROR(source::ensure_failover(source.dsn, application_name_, source.slot));

    const auto tables = std::ranges::find_if(sinks_, [](const auto& sink) { return sink->keeps_tables(); });
    Backfill backfill({config_, application_name_, budget_, statistics_, snapshot_progress_, sinks,
                       tables == sinks_.end() ? "" : (*tables)->name()});
    CDC_RETURN_IF_ERROR(backfill.start());
    CDC_RETURN_IF_ERROR(stream->start(source.slot, *start_lsn, source::stream_options(source)));
    CDC_RETURN_IF_ERROR(failpoint("stream_started"));
    CDC_RETURN_IF_ERROR(sinks.begin_streaming(positions_for(*start_lsn)));
    CDC_RETURN_IF_ERROR(failpoint("sinks_streaming"));
    log_info("pipeline {}: streaming from {}", config_.name, start_lsn->to_string());
    statistics_.phase.store(Phase::streaming);
    streaming_since_ = Clock::now();
    const source::Heartbeat heartbeat(source.dsn, application_name_, config_.heartbeat_interval);
    StreamLoop loop({config_, *stream, sinks, budget_, room_, statistics_, stop_, backfill}, *start_lsn);
    const Status status = loop.run();
    delivered_ = std::max(delivered_, loop.newest_commit());
    progressed_ = loop.progressed();
    left_nothing_ = status.ok() && loop.left_nothing();
    return status;
}

// Where to begin: from the slot's state and the sinks' positions as they are now.
Result<source::StartPlan> Pipeline::plan(source::ReplicationStream& stream) {
    const config::Source& source = config_.source;
    CDC_RETURN_IF_ERROR(follow_timelines(stream));
    Result<pq::Connection> sql = source::open_source_connection(source.dsn, application_name_, pq::Mode::sql);
    if (!sql.ok()) return sql.status();
    CDC_RETURN_IF_ERROR(
        settle_kept_slot(*sql, config_, application_name_, snapshot_mode(), positions_, snapshot_progress_));
    const Result<std::optional<source::SlotState>> slot = source::slot_state(*sql, source.slot);
    if (!slot.ok()) return slot.status();
    const Result<source::StartPlan> plan =
        source::plan_start(identity_, stream.server_flush_lsn(), source.slot, *slot,
                           {snapshot_mode(), config_.slot.on_missing}, positions_);
    if (!plan.ok() || plan->action == source::StartAction::snapshot) return plan;
    CDC_RETURN_IF_ERROR(source::check_form(form_, source.on_form_change, positions_));
    auto interrupted =
        interrupted_snapshot(*sql, source.slot, plan->start_lsn, positions_, snapshot_progress_);
    if (!interrupted.ok()) return interrupted.status();
    interrupted_ = std::move(*interrupted);
    return plan;
}

// Leaves what an interrupted first snapshot has not delivered to runs, before the sinks begin to stream and
// forget how far it was.
Status Pipeline::go_on_with_snapshot(SinkGroup& sinks) {
    if (interrupted_.requests.empty()) return {};
    const config::Source& source = config_.source;
    Result<pq::Connection> sql = source::open_source_connection(source.dsn, application_name_, pq::Mode::sql);
    if (!sql.ok()) return sql.status();
    return leave_to_runs(*sql, config_, sinks, interrupted_);
}

// Positions of before a failover: taken over to the new timeline, or refused.
Status Pipeline::follow_timelines(source::ReplicationStream& stream) {
    if (!source::needs_history(identity_, positions_)) return {};
    const Result<source::TimelineHistory> history = stream.timeline_history();
    if (!history.ok()) return history.status();
    const config::SnapshotMode mode = snapshot_mode();
    const bool replaced = mode == config::SnapshotMode::always || mode == config::SnapshotMode::when_needed;
    for (source::SinkPosition& position : positions_) {
        const Status status = source::follow_timeline(identity_, *history, position);
        if (status.ok()) continue;
        if (!replaced) return status;
        log_warning("pipeline {}: {}", config_.name, status.message());  // plan_start asks for a snapshot
    }
    return {};
}

Status Pipeline::open_sinks(SinkGroup& sinks, const SourceIdentity& identity) {
    const config::Source& source = config_.source;
    SinkContext context;
    context.pipeline = config_.name;
    context.slot = source.slot;
    context.projection = source.projection;
    context.source_commit = source.source_commit;
    context.json_as_string = source.json == "string";
    context.hashed = [masks = source.masks](const std::string& schema, const std::string& table,
                                            const std::string& column) {
        return std::ranges::find(masks, schema + "." + table + "." + column + ":hash") != masks.end();
    };
    context.source = identity;
    context.form = form_;
    context.cluster = !source.cluster.empty()         ? source.cluster
                      : !server_form_.cluster.empty() ? server_form_.cluster
                                                      : identity.system_identifier;
    context.catalog = &catalog_;
    context.memory_limit = config_.memory_limit;
    context.stopping = stop_check_;
    context.captures = [filter = source::TableFilter(source)](const std::string& schema,
                                                              const std::string& table) {
        return filter.captures(schema, table);
    };
    positions_.assign(sinks_.size(), {});
    snapshot_progress_.assign(sinks_.size(), {});
    return sinks.on_each([this, &identity, context](Sink& sink, std::size_t i) -> Status {
        CDC_RETURN_IF_ERROR(sink.open(context));
        source::SinkPosition& position = positions_[i];
        position.sink = sink.name();
        position.keeps_position = sink.keeps_position();
        if (!position.keeps_position) {
            // What this process saw become durable is as good as a stored position.
            const auto known = remembered_.find(i);
            if (known == remembered_.end()) return {};
            position.keeps_position = true;
            position.stored = {remembered_identity_.system_identifier,
                               remembered_identity_.database,
                               remembered_identity_.timeline,
                               config_.source.slot,
                               known->second,
                               true,
                               delivered_,
                               form_};
            return {};
        }
        const Result<std::optional<StoredPosition>> stored = sink.stored_position();
        if (!stored.ok()) return stored.status();
        if (stored->has_value()) {
            const StoredPosition& s = **stored;
            snapshot_progress_[i] = s.snapshot_progress;
            position.stored = {s.system_identifier, s.database,  s.timeline,      s.slot,
                               s.end_lsn,           s.streaming, s.delivered_lsn, s.form};
        }
        return {};
    });
}

Result<Lsn> Pipeline::begin(SinkGroup& sinks, const source::StartPlan& plan) {
    const config::Source& source = config_.source;
    if (plan.action == source::StartAction::stream) return plan.start_lsn;
    if (plan.action == source::StartAction::snapshot) return begin_with_snapshot(sinks, plan);
    if (plan.drop_slot) CDC_RETURN_IF_ERROR(drop_slot());
    if (plan.missing_from) return make_slot_anew(sinks, plan.missing_from);
    return source::create_slot(source.dsn, application_name_, source.slot, stop_check_);
}

// The sinks have its position before it stands: a crash in between leaves no slot, which is made anew again.
// The other way round it would leave one that is ahead of them, which nobody could tell from a mistake.
Result<Lsn> Pipeline::make_slot_anew(SinkGroup& sinks, Lsn missing_from) {
    const config::Source& source = config_.source;
    Result<source::SnapshotSlot> slot =
        source::SnapshotSlot::create(source.dsn, application_name_, source.slot, stop_check_);
    if (!slot.ok()) return slot.status();
    const Lsn start = slot->consistent_point();
    log_warning(
        "pipeline {}: slot \"{}\" was gone and is made anew: what was committed between {} and {} is missing "
        "in the sinks",
        config_.name, source.slot, missing_from.to_string(), start.to_string());
    CDC_RETURN_IF_ERROR(sinks.begin_streaming(positions_for(start)));
    CDC_RETURN_IF_ERROR(failpoint("slot_made_anew"));
    CDC_RETURN_IF_ERROR(slot->make_permanent());
    return start;
}

Status Pipeline::drop_slot() {
    CDC_RETURN_IF_ERROR(source::drop_slot(config_.source.dsn, application_name_, config_.source.slot));
    log_info("pipeline {}: replication slot \"{}\" dropped", config_.name, config_.source.slot);
    return {};
}

Result<Lsn> Pipeline::begin_with_snapshot(SinkGroup& sinks, const source::StartPlan& plan) {
    if (!plan.reason.empty()) {
        log_warning("pipeline {}: a new snapshot replaces what the sinks have: {}", config_.name,
                    plan.reason);
    }
    if (plan.drop_slot) CDC_RETURN_IF_ERROR(drop_slot());
    CDC_RETURN_IF_ERROR(source::drop_slot(config_.source.dsn, application_name_,
                                          source::kept_slot_name(config_.source.slot)));
    for (source::SinkPosition& position : positions_)
        position.stored.reset();
    snapshot_progress_.assign(sinks_.size(), {});
    remembered_.clear();
    const auto forgetful =
        std::ranges::find_if(sinks_, [](const auto& sink) { return !sink->keeps_position(); });
    const Result<Lsn> point =
        take_snapshot({config_, application_name_, sinks, budget_, room_, statistics_, stop_check_,
                       forgetful == sinks_.end() ? std::string() : (*forgetful)->name()});
    snapshot_taken_ = point.ok();
    finished_ = point.ok() && config_.snapshot.mode == config::SnapshotMode::initial_only;
    return point;
}

// snapshot: always means a start of the worker, not a connection that was lost meanwhile.
config::SnapshotMode Pipeline::snapshot_mode() const {
    const bool taken = snapshot_taken_ && config_.snapshot.mode == config::SnapshotMode::always;
    return taken ? config::SnapshotMode::initial : config_.snapshot.mode;
}

// A sink that is ahead of the start is not sent again what it holds.
std::vector<Lsn> Pipeline::positions_for(Lsn start_lsn) const {
    std::vector<Lsn> lsns;
    for (const source::SinkPosition& position : positions_) {
        const bool ahead = position.stored && position.stored->streaming;
        lsns.push_back(ahead ? std::max(position.stored->end_lsn, start_lsn) : start_lsn);
    }
    return lsns;
}

void Pipeline::remember(const SinkGroup& sinks) {
    if (!streaming_since_) return;
    remembered_identity_ = identity_;
    for (std::size_t i = 0; i < sinks_.size(); ++i) {
        const Lsn durable = sinks.durable_lsn(i);
        if (!sinks_[i]->keeps_position() && durable) remembered_[i] = durable;
    }
}

Status Pipeline::wait_before_retry(const Status& status) {
    const Clock::time_point now = Clock::now();
    const auto streamed = streaming_since_ ? now - *streaming_since_ : Clock::duration::zero();
    const auto pause = retries_.after_failure(status, progressed_, streamed, now);
    if (!pause) {
        return Status::fatal(
            status.message() + "; no progress for " +
                config::format_duration(static_cast<std::uint64_t>(config_.retry_max_time.count())),
            status.hint().empty()
                ? "retry_max_time says when to give up; the next start goes on where this one stood"
                : status.hint());
    }
    const std::chrono::milliseconds delay = *pause;
    log_warning("pipeline {}: {}; trying again in {:.1f} s", config_.name, status.to_string(),
                std::chrono::duration<double>(delay).count());
    statistics_.retries += 1;
    statistics_.phase.store(Phase::waiting);
    pollfd fd{stop_.fd(), POLLIN, 0};
    ::poll(&fd, 1, static_cast<int>(delay.count()));
    return {};
}

}  // namespace cdc
