// Checkpoint: how far one pipeline's events have come, as the record that is committed with them. It is the
// kafka sink's stored position, its guard against repetition, and the name of the worker that holds the
// pipeline's transactional.id. Decision 0211.
//
// Order is by (epoch, commit_lsn, seq): the epoch is system_identifier and timeline; positions of two epochs
// are never compared, a difference is refused before anything is written (source/start_position.h). Within an
// epoch commit records come in the order of their LSNs, and a transaction's events in the order of seq.
//
// In the topic: one line of JSON, its keys in a fixed order, under the key "pipeline". Thread: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/lsn.h"
#include "base/status.h"
#include "envelope/slice.h"

namespace cdc::kafka {

enum class CheckpointState {
    claimed,   // a worker has taken the pipeline over, nothing is delivered yet
    snapshot,  // a snapshot is being read, or was, and streaming has not begun
    streaming,
};

struct Checkpoint {
    std::string pipeline;
    std::string slot;
    std::string database;
    std::string system_identifier;
    std::uint32_t timeline = 0;
    CheckpointState state = CheckpointState::claimed;
    Lsn end_lsn;                    // every transaction that ends at or before it is delivered whole
    Lsn commit_lsn;                 // of the newest transaction of which anything is delivered
    std::int64_t seq = -1;          // its newest delivered event; -1: only its beginning
    bool last = true;               // whether it is delivered whole
    Lsn message_lsn;                // of the newest non-transactional message delivered
    std::string owner;              // "host:pid:random": the worker's process
    std::string since;              // when it took over, UTC
    std::string snapshot_progress;  // of rows read beside the stream (envelope/slice.h); empty: of none
    std::string form;  // what decided the events' bytes (sinks/sink.h); empty: of an earlier release

    bool operator==(const Checkpoint&) const = default;

    // Whether the event of the slice is delivered already: a repetition, to be left out.
    bool covers(const Slice& slice, const Event& event) const;
    // The event, or the whole slice, has been handed over: the position moves.
    void take(const Slice& slice, const Event& event);
    void take_end(const Slice& slice);
    // Whether the position is between two source transactions.
    bool between_transactions() const { return last; }
};

std::string to_json(const Checkpoint& checkpoint);
// Fatal where it is not a checkpoint, or one of a version that is newer than this worker.
Result<Checkpoint> read_checkpoint(std::string_view json);

}  // namespace cdc::kafka
