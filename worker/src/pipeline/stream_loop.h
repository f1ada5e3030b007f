// StreamLoop: reads the replication stream into the sinks and tells the server how far they are.
//
// Two clocks that never wait for each other: reading goes on while the byte budget has room; feedback goes
// out at its interval whatever the sinks do, so a slow sink stops the reading (TCP pushes back on the server)
// and never the feedback (wal_sender_timeout). What is acknowledged is the least durable LSN of the sinks, an
// end LSN; on an idle source the server's keepalives move it (SinkGroup::advance), but only while no
// transaction is open.
//
// Owner and thread: the pipeline's. Failure: whatever the stream or a sink reports.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/byte_budget.h"
#include "base/event_fd.h"
#include "base/status.h"
#include "config/config.h"
#include "pipeline/backfill.h"
#include "pipeline/sink_group.h"
#include "pipeline/slice_builder.h"
#include "pipeline/statistics.h"
#include "pipeline/stop_signal.h"
#include "source/replication_stream.h"

namespace cdc {

class StreamLoop {
  public:
    // What one pipeline lends to the loop; all of it outlives it.
    struct Parts {
        const config::Pipeline& config;
        source::ReplicationStream& stream;
        SinkGroup& sinks;
        ByteBudget& budget;
        const EventFd& room;  // signalled by the budget
        Statistics& statistics;
        const StopSignal& stop;
        Backfill& backfill;
    };
    explicit StreamLoop(const Parts& parts, Lsn start_lsn);

    // Until the stop signal (ok: the open transaction was finished or abandoned, the sinks flushed, the
    // position confirmed) or a failure.
    Status run();

    // The newest transaction that was handed to the sinks, at least in part: its commit LSN.
    Lsn newest_commit() const { return newest_commit_; }
    // After run has ended well: whether all that was received is durable and confirmed, no transaction cut
    // off.
    bool left_nothing() const { return left_nothing_; }
    // Whether a transaction that it received is durable in every sink.
    bool progressed() const { return first_end_ && parts_.sinks.durable_lsn() >= first_end_; }

  private:
    using Clock = std::chrono::steady_clock;

    Status read_available();
    Status read_turn();
    Status take(const source::XLogData& data);
    Status take(const source::Keepalive& keepalive);
    Status accept(const std::shared_ptr<Slice>& slice, std::int64_t sent_at_us);
    bool halts_at(Lsn reached);
    Status write_due(Lsn reached);
    void keep(SlicePtr slice);
    void hand_on();
    void tell_of_progress();
    Status send_feedback_if_due();
    Status send_feedback();
    bool chunk_waits() const;
    void heard();
    bool silent(std::chrono::milliseconds limit) const;
    Status check_silence() const;
    bool may_finish();
    Status finish();
    void wait(Clock::time_point until);

    const Parts parts_;
    SliceBuilder builder_;
    Lsn received_;  // an end LSN or a keepalive's position: all before it has been received
    Lsn newest_commit_;
    Lsn first_end_;               // of the first transaction that came whole: its end LSN
    std::vector<SlicePtr> kept_;  // of this turn, for the sinks
    std::size_t kept_bytes_ = 0;
    std::uint64_t stored_progress_ = 0;  // that the backfill knows of
    // What came when the stream was to halt in front of it (stream_gate.h), without its lease: who fills the
    // halt needs the room.
    struct Halted {
        std::shared_ptr<Slice> slice;
        std::int64_t sent_at_us = 0;
        std::size_t bytes = 0;  // of the lease
    };
    Halted halted_;
    bool left_nothing_ = false;
    bool more_ = false;             // the stream may hold more that needs no waiting
    bool may_nap_ = false;          // the newest transaction is far behind; until the nap has been taken
    bool reply_requested_ = false;  // by the server
    Clock::time_point next_feedback_;
    Clock::time_point last_heard_;  // when the server last said something, or was not listened to
    bool asked_ = false;            // to answer, since then
    Clock::time_point last_asked_;  // for a keepalive
    Clock::time_point stop_deadline_ = Clock::time_point::max();
};

}  // namespace cdc
