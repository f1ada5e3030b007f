// Transactions: the Kafka transactions of one sink, and the position that is committed in each.
//
// A Kafka transaction holds a batch of whole source transactions and one checkpoint record (checkpoint.h):
// both become visible to a read_committed reader, or neither. It is committed when nothing more is waiting
// (the sink says so), when it has gathered long enough, and, in the middle of a source transaction, only when
// that one is longer than the limits: then the checkpoint says how much of it is there.
//
// Beginning: init_transactions of every producer (producers.h) fences the earlier one of the same
// transactional.id and ends what it left open; only then is the newest committed checkpoint the truth
// (KIP-618), also after a commit whose outcome was not known (librdkafka #5423: a producer whose EndTxn timed
// out is never used again). Then this worker writes its name into it: who is fenced off later reads there by
// whom.
//
// Before that it looks whether the position is of another source, or of a later timeline: who starts there is
// refused, as the pipeline compares positions, and must not have fenced off the worker whose position it is.
//
// Owner: the kafka sink. Thread: its runner's. Failure: every call as a Status; after one that is not ok the
// producer is of no use any more.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/source_identity.h"
#include "base/status.h"
#include "sinks/kafka/checkpoint.h"
#include "sinks/kafka/checkpoint_topic.h"
#include "sinks/kafka/producers.h"

namespace cdc::kafka {

// When a Kafka transaction ends. Sizes in bytes of events.
struct TransactionLimits {
    std::chrono::milliseconds gather{200};    // between two source transactions: committed when so old
    std::size_t longest_bytes = 256u << 20;   // in the middle of one: committed when so large
    std::chrono::milliseconds oldest{30000};  // or so old: well before the brokers give it up
};

// This process, as it stands in the checkpoints: "host:pid:random", one for the process's life.
std::string worker_identity();

class Transactions {
  public:
    using Clock = std::chrono::steady_clock;

    // identity: pipeline, slot, database, system and timeline of this worker's present source.
    Transactions(CheckpointTopic topic, Checkpoint identity, TransactionLimits limits)
        : topic_(std::move(topic)), identity_(std::move(identity)), limits_(limits) {}

    // Whether there is a checkpoint of another system, database or slot, or of a later timeline: stored says
    // which. False also where that can't be seen.
    bool found_elsewhere();
    // Takes the transactional.ids over and reads the checkpoint. The producers stay the caller's.
    Status open(Producers& producers);
    // What was stored when it was opened, or was found elsewhere; nothing where there was no position yet.
    const std::optional<Checkpoint>& stored() const { return stored_; }

    const Checkpoint& mark() const { return mark_; }            // of what has been handed over
    const Checkpoint& committed() const { return committed_; }  // of what is durable

    // A snapshot, or streaming, begins anew at lsn (an end LSN): a position of this worker's source.
    void restart(CheckpointState state, Lsn lsn);
    // Streaming goes on at lsn, which is not where the stored position is, or of another timeline
    // (Sink::begin_streaming).
    void go_on_at(Lsn lsn);
    bool covers(const Slice& slice, const Event& event) const { return mark_.covers(slice, event); }
    void take(const Slice& slice, const Event& event) { mark_.take(slice, event); }
    void take_end(const Slice& slice);
    // Everything that ends at or before lsn has been handed over.
    void advance(Lsn lsn);

    // Begins a Kafka transaction where none is open, in the producer whose turn it is.
    Status begin();
    bool is_open() const { return open_; }
    // Whether there is anything to commit, messages or a position.
    bool dirty() const { return open_ || mark_ != committed_; }
    // The progress_number of the newest slice that had one (envelope/slice.h): of what is durable; and
    // whether a newer one has been handed over.
    std::uint64_t committed_progress() const { return committed_progress_; }
    bool owes_progress() const { return progress_ > committed_progress_; }
    // Whether the limits ask for a commit now, and when they will without anything more being written.
    bool due(Clock::time_point now) const;
    std::optional<Clock::time_point> deadline() const;

    // The two halves of a commit: hands the checkpoint over; then, when every message and the checkpoint
    // have been reported as delivered, ends the transaction; it is the next producer's turn then.
    rd_kafka_resp_err_t write_checkpoint();
    bool checkpoint_pending() const { return checkpoint_pending_; }
    void checkpoint_delivered() { checkpoint_pending_ = false; }
    const std::string& topic() const { return topic_.name(); }
    Status commit(std::chrono::milliseconds timeout);
    // Gives up what is open, so that readers need not wait for the brokers to do so.
    void abort(std::chrono::milliseconds timeout);

    // Why librdkafka gave the messages of the open transaction up.
    Status trouble();
    // The producer can't go on: fatal where another worker has taken the pipeline over, with its name.
    Status lost(rd_kafka_resp_err_t error, const std::string& text);

  private:
    Status failed(const std::string& call, const rd_kafka_error_t* error);

    CheckpointTopic topic_;
    const Checkpoint identity_;
    const TransactionLimits limits_;
    Producers* producers_ = nullptr;
    std::array<TopicHandle, Producers::most> handles_;  // the checkpoint topic's, in each producer
    std::optional<Checkpoint> stored_;
    Checkpoint mark_;
    Checkpoint committed_;
    std::uint64_t progress_ = 0;  // of mark_
    std::uint64_t committed_progress_ = 0;
    bool open_ = false;
    bool checkpoint_pending_ = false;
    std::size_t bytes_ = 0;         // of slices in the open transaction
    Clock::time_point began_;       // the open transaction
    Clock::time_point moved_at_{};  // the last commit
};

}  // namespace cdc::kafka
