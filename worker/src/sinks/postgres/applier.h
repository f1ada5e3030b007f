// Applier: turns slices into SQL, whole source transactions into target transactions ("loads").
//
// A load holds one source transaction or several, whole, in their order; it also moves the stored position
// and writes one row of the ledger for each. It is committed when nothing more waits behind it, or when it is
// large: at a low rate one source transaction at once, at a high one as many as have come while the target
// was busy (docs/decisions/0231). A reader of the projection sees states that the source had, though not all.
// A long source transaction is a load of its own; its statements are sent as its slices come, so memory does
// not grow with it.
//
// Durability. The session runs with synchronous_commit off, so a commit does not wait for the disk; some
// commits turn it on for themselves (a durable commit), and the disk write of one carries everything before
// it, as WAL is written in order (PostgreSQL docs, wal-async-commit). At most one durable commit is under
// way: on an idle target every commit is one, under load many share one, as with group commit. Only a durable
// commit's success moves durable_lsn. A crash of the target loses at most the commits after the last durable
// one, with their positions, from the end backwards: the source sends exactly those again.
//
// Two ways to apply. apply() is set-wise and pipelined: it does not wait, and where the target refuses a set,
// nothing behind it is executed (session.h). apply_carefully() is for finding out which event that was: it
// waits, halves a refused set under savepoints until one event is left, and parks that one or says it.
//
// Owner: the PostgresSink. Thread: one. Failure: the first error stays until roll_back. reject: the target
// refuses data, of some event (apply) or of the one that is named (apply_carefully).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/lsn.h"
#include "base/status.h"
#include "config/config.h"
#include "envelope/event_body.h"
#include "envelope/slice.h"
#include "envelope/transaction_count.h"
#include "sinks/postgres/batch.h"
#include "sinks/postgres/ledger.h"
#include "sinks/postgres/session.h"
#include "sinks/postgres/table_keeper.h"

namespace cdc::projection {

class Applier {
  public:
    // All are the caller's and outlive it. position: the stored end LSN.
    Applier(Session& session, Ledger& ledger, TableKeeper& tables, Batcher batcher,
            config::OnReject on_reject, Lsn position)
        : session_(session),
          ledger_(ledger),
          tables_(tables),
          batcher_(std::move(batcher)),
          on_reject_(on_reject),
          position_(position),
          confirmed_(position),
          durable_(position) {}

    // Takes what the slice says; sends when there is enough of it, or the load is due. Waits for the target
    // only where a table is new.
    Status apply(const SlicePtr& slice);
    // Nothing more is queued: what waits is sent, and the load committed unless two are under way.
    Status ran_dry();
    // Waits, and finds the event that the target refuses; each source transaction is a load of its own.
    Status apply_carefully(const SlicePtr& slice);
    // After a refusal that was found here while loads were under way: what became of them. Where the target
    // refuses something of them too, that is found when they are applied carefully.
    Status hear_of_loads();
    // Undoes what is not committed, after a failure; the session may be used again. What was committed since
    // stays: confirmed_loads says how much.
    Status roll_back();

    // A load that only moves the position (or, to where it is, only waits for the disk).
    Status send_position(Lsn to);
    // The snapshot's ledger row, durably.
    Status send_snapshot_end(Lsn consistent_point);
    // Handles the results that have arrived.
    Status receive();
    // Waits until everything sent is answered and the session may run statements one by one.
    Status settle();

    // Sets where the stored position is, after it was written by other means.
    void set_position(Lsn position);

    // The end LSN that is stored once everything sent is done.
    Lsn position() const { return position_; }
    Lsn durable_lsn() const { return durable_; }
    // As Sink::durable_progress.
    std::uint64_t durable_progress() const { return durable_progress_; }
    // A transaction that changed nothing here leaves its end LSN to whoever moves the position next.
    Lsn passed_lsn() const { return passed_; }
    // A load is open: something of it is here or at the target, and it is not committed.
    bool in_load() const { return in_slices_ || has_load(); }
    // It holds whole source transactions or rows of a snapshot, and could be committed.
    bool whole_load() const { return !in_slices_ && has_load(); }
    // The load of the last slice that was applied.
    std::uint64_t load_of_slice() const { return load_of_slice_; }
    // Events that went into the dead letters.
    std::uint64_t parked() const { return parked_; }
    // Loads whose commit was sent, and was confirmed; the open one is the next.
    std::uint64_t sent_loads() const { return sent_loads_; }
    std::uint64_t confirmed_loads() const { return confirmed_loads_; }
    // Commits were sent that no durable commit covers.
    bool has_loose_commits() const { return loose_commits_; }
    bool durable_commit_under_way() const { return durable_under_way_; }

  private:
    using Clock = std::chrono::steady_clock;

    // What is known of the source transaction (or the snapshot) at hand.
    struct Transaction {
        std::int64_t changes = 0;  // those that are no messages
        int schema_version = 0;    // the highest
        std::string evidence_id;
    };
    // The open load.
    struct Load {
        bool begun = false;                       // BEGIN was sent
        bool snapshot = false;                    // it has rows of a snapshot, and nothing else
        std::vector<AppliedTransaction> applied;  // the whole source transactions in it
        Lsn to;                                   // end LSN of the last of them
        std::size_t rows = 0;
        std::size_t bytes = 0;
        Clock::time_point since;
        std::string snapshot_progress;  // to be stored with it
        std::uint64_t progress_number = 0;
    };

    // applier.cpp: slices and events
    Status apply_slice(const SlicePtr& slice);
    Status start(const Slice& slice);
    void note(const Event& event, const EventBody& body);
    Status apply_event(const Event& event, const EventBody& body, const SlicePtr& slice);
    void take_progress(const Slice& slice);
    Status begin_refill(const Slice& slice);
    Status note_refill(const Slice& slice);
    Status apply_schema_change(const Event& event, const EventBody& body, const SlicePtr& slice);
    Result<const ProjectionTable*> table_of(const Event& event, const EventBody& body);
    Status wait_in_transaction();

    // load.cpp: the target transaction. A COPY stays open until something else is to be sent.
    bool has_load() const {
        return load_.begun || load_.snapshot || !load_.applied.empty() || !load_.snapshot_progress.empty();
    }
    bool load_is_large() const;
    Status begin();
    Status send_batches();
    Status copy(Batch batch);
    Status end_copy();
    Status finish_transaction(const Slice& slice);
    Status commit_load();
    Status commit(PositionMove move);
    const std::string& sql_of(const Batch& batch);
    Status handle(Reply reply);
    Status failure_of(const Ticket& ticket, const PGresult* result);

    // careful.cpp: after a refusal
    Status apply_slice_carefully(const SlicePtr& slice);
    Status try_events(const SlicePtr& slice, std::size_t from, std::size_t to);
    Status apply_range(const SlicePtr& slice, std::size_t from, std::size_t to);
    Status undo(const std::string& sql);
    Status drain();
    Status refuse(const Event& event, const Status& status);
    Result<bool> may_be_missing(const Event& event);

    Session& session_;
    Ledger& ledger_;
    TableKeeper& tables_;
    Batcher batcher_;
    config::OnReject on_reject_;
    Lsn position_;
    Lsn confirmed_;  // of the last load whose commit was confirmed
    Lsn durable_;
    std::uint64_t confirmed_progress_ = 0;
    std::uint64_t durable_progress_ = 0;
    Lsn passed_;
    bool in_slices_ = false;  // between a transaction's first and last slice
    bool skipping_ = false;   // it is applied already
    bool loose_commits_ = false;
    bool durable_under_way_ = false;
    std::uint64_t sent_loads_ = 0;
    std::uint64_t confirmed_loads_ = 0;
    std::uint64_t load_of_slice_ = 0;
    std::uint64_t parked_ = 0;
    // The ledger may have what is applied: a source that was set back, whose sink began again, commits at
    // LSNs that it has committed at before. It is refused once, as a set, and from then on expected.
    bool may_be_noted_ = false;
    Transaction transaction_;
    TransactionCount count_;
    Load load_;
    std::optional<Batch> copied_;  // what the open COPY has, without the lines
    std::map<std::tuple<const ProjectionTable*, Action, std::vector<std::size_t>>, std::string> sql_;
    Status failure_;
    // The failure came with an answer of the target, so nothing behind it was executed.
    bool answered_failure_ = false;
    std::string sqlstate_;  // of the failure; empty where it was found here
};

}  // namespace cdc::projection
