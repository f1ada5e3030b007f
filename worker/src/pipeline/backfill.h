// Backfill: reads tables beside the stream, as cdc_envelope.snapshot_signal asks for it, one after another.
//
// A thread of its own reads a chunk (source/key_chunk.h) and puts it into the window
// (incremental/chunk_window.h); the pipeline's thread shows the window every slice of the stream, and when
// the stream has come to the chunk's mark, writes what is left of it to the sinks. How far a run has come
// goes with the last slice of each chunk, and with a transaction that adds to what must be read again: what
// a sink stores of it is true of what it holds. docs/snapshots.md has the whole.
//
// Owner: the pipeline, for one attempt. Thread: as each method says. Failure: what is wrong with one run is
// reported in its signal and ends that run; a lost connection is opened again. The stream does not depend on
// it, except where a line can't be read (fatal).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/byte_budget.h"
#include "base/event_fd.h"
#include "base/lsn.h"
#include "base/status.h"
#include "config/config.h"
#include "envelope/slice.h"
#include "incremental/chunk_window.h"
#include "incremental/run_progress.h"
#include "pipeline/sink_group.h"
#include "pipeline/slice_builder.h"
#include "pipeline/statistics.h"
#include "pipeline/stream_gate.h"
#include "source/key_chunk.h"
#include "source/slot.h"
#include "source/snapshot.h"
#include "source/snapshot_signal.h"

namespace cdc {

class Backfill {
  public:
    struct Parts {
        const config::Pipeline& config;
        const std::string& application_name;
        ByteBudget& budget;
        Statistics& statistics;
        // Of each sink: the progress that it stores; empty where it keeps none, or has none yet.
        std::vector<std::string> stored;
        SinkGroup& sinks;
        std::string table_sink = {};  // the name of a sink that keeps rows as tables, if there is one
    };
    explicit Backfill(Parts parts);
    ~Backfill();
    Backfill(const Backfill&) = delete;
    Backfill& operator=(const Backfill&) = delete;

    // The pipeline's thread, before streaming starts: takes up the run that was under way, so that nothing
    // of the stream is missed, and starts the reading. Without the table of signals it does nothing.
    Status start();

    // The pipeline's thread, before the slice is handed to the sinks.
    Status observe(Slice& slice);
    // The pipeline's thread, between two transactions: every transaction that commits before `reached` has
    // been observed. Gives what is to be handed to the sinks now.
    Result<std::vector<SlicePtr>> take_due(Lsn reached);
    // The pipeline's thread: every sink has stored the progress of this number (SinkGroup::durable_progress).
    void stored(std::uint64_t number);
    // Any thread: a chunk waits for the stream to come to its mark, or a pass to its point.
    bool waits() const;
    // Signalled when a chunk or a pass begins to wait, and when the stream may go on.
    const EventFd& changed() const { return changed_; }
    // Where the stream halts for a table that is read in one pass. The pipeline's thread.
    StreamGate& gate() { return gate_; }

  private:
    using Signal = source::SnapshotSignal;
    static constexpr const char* not_whole =
        "what sinks have of the table is not whole until it is read again";
    // What take_due made of the last chunk.
    struct Delivered {
        bool whole = false;
        std::int64_t rows = 0;
        std::int64_t left_out = 0;
        std::int64_t bytes = 0;
        std::uint64_t number = 0;  // of the progress that has it
    };

    void run();
    Status connect();
    Status work();
    Status handle(Signal signal);
    Status take_up(const Signal& signal);
    Status read_table(Signal& signal);
    Status read_one(Signal& signal);
    void forget_other_form(Signal& signal);
    Status read_in_one_pass(Signal& signal);
    Status check_pass(const Signal& signal) const;
    Status pass(Signal& signal);
    void halt_stream_at(Lsn point);
    void let_stream_go_on(const Signal& signal);
    Status wait_for_table_lock(const source::StopCheck& leave_off);
    Result<source::SnapshotSlot> make_point(Signal& signal);
    Result<source::SnapshotReader> open_pass(Signal& signal, const source::StopCheck& leave_off, Lsn& point);
    Result<bool> wait_for_halt(Signal& signal, Lsn point);
    Status fill_halt(Signal& signal, source::SnapshotReader& reader, Lsn point,
                     std::optional<source::SnapshotRows> rows, const source::StopCheck& leave_off);
    bool put_in(Signal& signal, const std::shared_ptr<Slice>& slice);
    Status tell_of_pass(Signal& signal);
    Status tell_progress(const Signal& signal);
    bool is_left_off(Signal& signal);
    Status heed(Signal& signal);
    Status wait_for_writers(Signal& signal);
    Status forget_seen();
    Result<Delivered> wait_for_delivery();
    Status wait_until_stored(std::uint64_t number);
    Status progressed(Signal& signal, const Delivered& delivered);
    Status end(Signal& signal, const char* state, const std::string& message);
    std::optional<incremental::RunProgress> stored_progress(const Signal& signal) const;
    void activate(incremental::RunProgress progress);
    bool pause(std::chrono::milliseconds time);
    bool stopping() const;
    void attach_progress(Slice& slice);
    std::vector<SlicePtr> to_slices(const incremental::ChunkWindow::Closed& closed, Status& failure);

    const Parts parts_;
    const source::StopCheck stop_check_;
    EventFd changed_;
    EventFd stop_;
    // The reading thread's, once it runs.
    std::optional<pq::Connection> sql_;
    source::KeyTable table_;
    // Since when, from how many rows on, and when it was last said how far the run under way is.
    std::chrono::steady_clock::time_point began_, told_;
    std::int64_t rows_before_ = 0;
    // Of a pass: when it was last looked what is wanted and reported.
    std::chrono::steady_clock::time_point looked_, reported_;
    bool emptied_ = false;  // the sinks' tables have let their rows go for it
    std::optional<std::chrono::steady_clock::time_point> halted_since_;  // the stream, for a pass
    StreamGate gate_;
    SliceBuilder builder_;  // the pipeline's thread

    mutable std::mutex mutex_;                        // guards what follows
    std::condition_variable moved_on_;                // delivered_ or stored_ has
    std::optional<incremental::ChunkWindow> window_;  // of the run under way
    incremental::RunProgress progress_;
    std::string last_;  // of the open chunk
    bool end_ = false;
    ByteBudget::Lease lease_;  // the open chunk's bytes
    std::optional<Delivered> delivered_;
    std::uint64_t handed_over_ = 1;  // progress_number of the newest slice that has one
    std::uint64_t stored_ = 0;       // what every sink has of them
    std::uint64_t done_number_ = 0;  // of the progress that ends the run; 0: every sink had it at the start

    std::thread thread_;
};

}  // namespace cdc
