// Where to begin: the decision between a snapshot, a new slot and streaming on, and the LSN to stream from.
//
// Checked, not assumed, because the server does not check: START_REPLICATION before confirmed_flush_lsn is
// moved up without a word (a gap), and beyond the server's WAL it is accepted and drops every commit up to
// there (PostgreSQL src/backend/replication/logical/logical.c, CreateDecodingContext; snapbuild.c,
// SnapBuildXactNeedsSkip). Owner: nobody. Thread: pure functions. Failure: Status::fatal with the way out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "base/source_identity.h"
#include "base/status.h"
#include "config/config.h"
#include "source/slot.h"

namespace cdc::source {

// What one sink says about its position (sinks/sink.h, StoredPosition, in plain values).
struct SinkPosition {
    struct Stored {
        std::string system_identifier;
        std::string database;  // empty: not known
        std::uint32_t timeline = 0;
        std::string slot;
        Lsn end_lsn;
        bool streaming = false;
        Lsn delivered_lsn;  // the newest commit LSN of which anything is delivered
        std::string form;   // event_form, when it was written; empty: not known
    };
    std::string sink;             // for messages
    bool keeps_position = false;  // one that keeps none starts at the slot's confirmed_flush_lsn
    std::optional<Stored> stored;
};

enum class StartAction {
    snapshot,     // SnapshotSlot, then stream from its consistent point (or end, with initial_only)
    create_slot,  // create_slot, then stream from its consistent point: no slot, and snapshot: never; or
                  // on_missing: create
    stream,       // the slot stands: stream from start_lsn
};

struct StartPlan {
    StartAction action = StartAction::stream;
    Lsn start_lsn;           // an end LSN; none unless action is stream
    bool drop_slot = false;  // a slot of ours stands, and nothing will be read from it
    std::string reason;      // of a snapshot that replaces what sinks have: why it can't or shall not go on
    Lsn missing_from;        // create_slot: what ends after it and before the new slot's start is missing
};

// What the configuration says about it.
struct StartRules {
    config::SnapshotMode snapshot = config::SnapshotMode::initial;
    config::OnMissing on_missing = config::OnMissing::fail;
};

// server: IDENTIFY_SYSTEM's answer; server_flush_lsn: its flush position (read after the sinks' positions, or
// a worker that is still leaving could have moved one past it); slot: slot_state's answer; sinks: taken over
// to the server's timeline already, where they can be (source/timeline.h). What may be a mistake in the
// configuration (another system, a slot of another name, plugin or database) is refused in every mode: a
// snapshot would replace what the sinks have.
Result<StartPlan> plan_start(const SourceIdentity& server, Lsn server_flush_lsn, const std::string& slot_name,
                             const std::optional<SlotState>& slot, const StartRules& rules,
                             const std::vector<SinkPosition>& sinks);

}  // namespace cdc::source
