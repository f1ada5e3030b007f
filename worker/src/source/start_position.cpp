#include "source/start_position.h"

#include <algorithm>

#include "source/slot_errors.h"

namespace cdc::source {
namespace {

std::string sink_name(const SinkPosition& sink) {
    return "sink " + sink.sink;
}

// A position means nothing on another system, in another database, or for another slot.
Status check_belongs(const SourceIdentity& server, const std::string& slot, const SinkPosition& sink) {
    const SinkPosition::Stored& stored = *sink.stored;
    if (stored.system_identifier != server.system_identifier) {
        return Status::fatal(sink_name(sink) + ": its position " + stored.end_lsn.to_string() +
                                 " is of the system " + stored.system_identifier + ", but the source is " +
                                 server.system_identifier,
                             std::string("check the dsn; for a new server: ") + begin_again);
    }
    if (!stored.database.empty() && stored.database != server.database) {
        return Status::fatal(sink_name(sink) + ": its position " + stored.end_lsn.to_string() +
                                 " is of the database \"" + stored.database + "\", but the dsn names \"" +
                                 server.database + "\"",
                             std::string("check dbname in the dsn; for another database, or one that was "
                                         "renamed (which changes every source_id): ") +
                                 begin_again);
    }
    if (stored.slot != slot) {
        return Status::fatal(
            sink_name(sink) + ": its position is of the slot \"" + stored.slot + "\", not \"" + slot + "\"",
            "give the slot its name back, or another projection name to this pipeline");
    }
    return {};
}

// Nor on a timeline that it was not taken over to.
Status check_timeline(const SourceIdentity& server, const SinkPosition& sink) {
    const SinkPosition::Stored& stored = *sink.stored;
    if (stored.timeline == server.timeline) return {};
    return Status::fatal(
        sink_name(sink) + ": its position " + stored.end_lsn.to_string() + " is of timeline " +
            std::to_string(stored.timeline) + ", but the source is on timeline " +
            std::to_string(server.timeline),
        std::string("a later timeline belongs to a promoted standby: see that the dsn names the primary, and "
                    "not one that was left behind; ") +
            begin_again);
}

// The sink that has streamed least far; nullptr where none has.
const SinkPosition* furthest_behind(const std::vector<SinkPosition>& sinks) {
    const SinkPosition* least = nullptr;
    for (const SinkPosition& sink : sinks) {
        if (!sink.stored || !sink.stored->streaming) continue;
        if (least == nullptr || sink.stored->end_lsn < least->stored->end_lsn) least = &sink;
    }
    return least;
}

// A slot that was streamed from is not there, or lost: what was committed since then can't be had.
Result<StartPlan> plan_for_lost_slot(const std::string& trouble, config::OnMissing on_missing, Lsn from) {
    switch (on_missing) {
        case config::OnMissing::create:
            return StartPlan{StartAction::create_slot, Lsn{}, false, {}, from};
        case config::OnMissing::resnapshot:
            return StartPlan{StartAction::snapshot, Lsn{}, false, trouble, Lsn{}};
        case config::OnMissing::fail:
            break;
    }
    return Status::fatal(
        trouble,
        std::string(
            "what was committed since then can't be had from the source; slot.on_missing: resnapshot does "
            "this by itself: ") +
            begin_again);
}

// The slot is not there, or lost: nothing may ever have been streamed from it, unless on_missing says what is
// to be done then.
Result<StartPlan> plan_without_slot(const std::string& slot, const StartRules& rules,
                                    const std::vector<SinkPosition>& sinks) {
    if (const SinkPosition* sink = furthest_behind(sinks)) {
        const Lsn from = sink->stored->end_lsn;
        return plan_for_lost_slot("replication slot \"" + slot + "\" does not exist, but " +
                                      sink_name(*sink) + " has streamed from it up to " + from.to_string(),
                                  rules.on_missing, from);
    }
    // One that was begun because on_missing asked for it has emptied the sinks: it is taken again.
    const bool begun = std::ranges::any_of(
        sinks, [](const SinkPosition& sink) { return sink.stored && !sink.stored->streaming; });
    const bool snapshot = rules.snapshot != config::SnapshotMode::never ||
                          (begun && rules.on_missing == config::OnMissing::resnapshot);
    return StartPlan{snapshot ? StartAction::snapshot : StartAction::create_slot, Lsn{}, false, {}, Lsn{}};
}

Status check_range(const SinkPosition& sink, Lsn confirmed, Lsn server_flush) {
    const Lsn stored = sink.stored->end_lsn;
    if (stored < confirmed) {
        return Status::fatal(
            sink_name(sink) + ": its position " + stored.to_string() +
                " is before the slot's confirmed_flush_lsn " + confirmed.to_string() +
                ": the commits between are gone from the slot",
            std::string("the slot was moved or made anew, or the sink went back; ") + begin_again);
    }
    if (stored > server_flush) {
        return Status::fatal(
            sink_name(sink) + ": its position " + stored.to_string() +
                " is beyond the end of the server's WAL " + server_flush.to_string() +
                ": streaming from there would lose every commit up to it",
            std::string("the server lost WAL (a restored backup, a promoted standby) or is another one; ") +
                begin_again);
    }
    return {};
}

// A sink that keeps its position but has not begun to stream, before a slot that stands: it must have just
// read the snapshot at which the slot begins.
Status check_not_begun(const SinkPosition& sink, const SlotState& slot, config::SnapshotMode mode) {
    if (!sink.stored && mode == config::SnapshotMode::never) return {};
    const std::string drop = "SELECT pg_drop_replication_slot('" + slot.name + "')";
    if (!sink.stored) {
        return Status::fatal(
            sink_name(sink) + ": it has no position and so has not had the snapshot, but the slot \"" +
                slot.name + "\" exists already",
            "to begin at the slot's position: snapshot: never; to have the tables' present rows too, drop "
            "the "
            "slot and the worker makes it together with a snapshot, which every sink of the pipeline gets "
            "(where another one has streamed, with slot.on_missing: resnapshot): " +
                drop);
    }
    if (sink.stored->end_lsn != slot.confirmed_flush_lsn) {
        return Status::fatal(sink_name(sink) + ": its snapshot is of " + sink.stored->end_lsn.to_string() +
                                 ", but the slot \"" + slot.name + "\" stands at " +
                                 slot.confirmed_flush_lsn.to_string(),
                             "drop the slot, and the worker takes the snapshot again: " + drop);
    }
    return {};
}

// Where streaming goes on from, the slot and every sink allowing it.
Result<StartPlan> plan_to_stream(const SourceIdentity& server, Lsn server_flush_lsn, const SlotState& slot,
                                 config::SnapshotMode mode, const std::vector<SinkPosition>& sinks) {
    CDC_RETURN_IF_ERROR(check_usable(slot.name, slot, server.database));
    // The least position of all: a sink that is further skips what it has (pipeline).
    std::optional<Lsn> start;
    for (const SinkPosition& sink : sinks) {
        Lsn position = slot.confirmed_flush_lsn;
        if (sink.keeps_position && sink.stored && sink.stored->streaming) {
            CDC_RETURN_IF_ERROR(check_range(sink, slot.confirmed_flush_lsn, server_flush_lsn));
            position = sink.stored->end_lsn;
        } else if (sink.keeps_position) {
            CDC_RETURN_IF_ERROR(check_not_begun(sink, slot, mode));
        }
        start = start ? std::min(*start, position) : position;
    }
    return StartPlan{StartAction::stream, start.value_or(slot.confirmed_flush_lsn), false, {}, Lsn{}};
}

Result<StartPlan> plan_to_go_on(const SourceIdentity& server, Lsn server_flush_lsn,
                                const std::string& slot_name, const std::optional<SlotState>& slot,
                                const StartRules& rules, const std::vector<SinkPosition>& sinks) {
    for (const SinkPosition& sink : sinks) {
        const bool counts = sink.stored && (sink.stored->streaming || (slot && sink.keeps_position));
        if (counts) CDC_RETURN_IF_ERROR(check_timeline(server, sink));
    }
    if (!slot) return plan_without_slot(slot_name, rules, sinks);
    if (slot->lost() && rules.on_missing != config::OnMissing::fail) {
        Result<StartPlan> anew = plan_without_slot(slot_name, rules, sinks);
        if (!anew.ok()) return anew;
        anew->drop_slot = true;
        if (!anew->reason.empty()) anew->reason = check_usable(slot_name, slot, server.database).message();
        return anew;
    }
    return plan_to_stream(server, server_flush_lsn, *slot, rules.snapshot, sinks);
}

// initial_only: beside a slot, or after one, it would replace what a stream has delivered.
Result<StartPlan> plan_snapshot_alone(const std::string& slot_name, const std::optional<SlotState>& slot,
                                      const std::vector<SinkPosition>& sinks) {
    const char* const way_out =
        "snapshot: initial goes on streaming; to read everything again, give the pipeline another name";
    if (slot) {
        return Status::fatal(
            "snapshot: initial_only leaves no slot, but the slot \"" + slot_name + "\" exists", way_out);
    }
    for (const SinkPosition& sink : sinks) {
        if (!sink.stored || !sink.stored->streaming) continue;
        return Status::fatal(
            "snapshot: initial_only would replace what " + sink_name(sink) + " has from streaming", way_out);
    }
    return StartPlan{StartAction::snapshot, Lsn{}, false, {}, Lsn{}};
}

// What a snapshot can't mend, or would only hide.
Status check_mistakes(const SourceIdentity& server, const std::string& slot_name,
                      const std::optional<SlotState>& slot, const std::vector<SinkPosition>& sinks) {
    for (const SinkPosition& sink : sinks) {
        const bool counts = sink.stored && (sink.stored->streaming || (slot && sink.keeps_position));
        if (counts) CDC_RETURN_IF_ERROR(check_belongs(server, slot_name, sink));
    }
    if (!slot) return {};
    SlotState otherwise = *slot;  // that it is lost is no mistake
    otherwise.wal_status.clear();
    otherwise.invalidation_reason.clear();
    CDC_RETURN_IF_ERROR(check_usable(slot_name, otherwise, server.database));
    if (slot->confirmed_flush_lsn || slot->lost()) return {};
    return Status::retry("replication slot \"" + slot_name + "\" is still being created");
}

}  // namespace

Result<StartPlan> plan_start(const SourceIdentity& server, Lsn server_flush_lsn, const std::string& slot_name,
                             const std::optional<SlotState>& slot, const StartRules& rules,
                             const std::vector<SinkPosition>& sinks) {
    using config::SnapshotMode;
    CDC_RETURN_IF_ERROR(check_mistakes(server, slot_name, slot, sinks));
    if (rules.snapshot == SnapshotMode::initial_only) return plan_snapshot_alone(slot_name, slot, sinks);
    if (rules.snapshot == SnapshotMode::always) {
        return StartPlan{StartAction::snapshot, Lsn{}, slot.has_value(),
                         slot ? "snapshot: always" : std::string(), Lsn{}};
    }
    Result<StartPlan> plan = plan_to_go_on(server, server_flush_lsn, slot_name, slot, rules, sinks);
    if (plan.ok() || rules.snapshot != SnapshotMode::when_needed) return plan;
    return StartPlan{StartAction::snapshot, Lsn{}, slot.has_value(), plan.status().message(), Lsn{}};
}

}  // namespace cdc::source
