// Applier: turns slices into pipelined SQL. One source transaction is one target transaction, which also
// moves the stored position and writes the ledger's row; the transaction stays open across its slices, and
// each slice's statements are sent as it comes, so memory does not grow with the transaction.
//
// Durability. The session runs with synchronous_commit off, so a commit does not wait for the disk; some
// commits turn it on for themselves (a durable commit), and the disk write of one carries everything before
// it, as WAL is written in order (PostgreSQL docs, wal-async-commit). At most one durable commit is under
// way: on an idle target every commit is one, under load many share one, as with group commit. Only a durable
// commit's success moves durable_lsn. A crash of the target loses at most the commits after the last durable
// one, with their positions, from the end backwards: the source sends exactly those again.
//
// Owner: the PostgresSink. Thread: one. Failure: the first error stays; nothing is applied after it
// (session.h says why not even what is under way). reject names the event.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/lsn.h"
#include "base/status.h"
#include "envelope/event_body.h"
#include "envelope/slice.h"
#include "sinks/postgres/batch.h"
#include "sinks/postgres/ledger.h"
#include "sinks/postgres/session.h"
#include "sinks/postgres/table_keeper.h"

namespace cdc::projection {

class Applier {
  public:
    // All are the caller's and outlive it. position: the stored end LSN.
    Applier(Session& session, Ledger& ledger, TableKeeper& tables, Batcher batcher, Lsn position)
        : session_(session),
          ledger_(ledger),
          tables_(tables),
          batcher_(std::move(batcher)),
          position_(position),
          durable_(position) {}

    // Sends what the slice says. Waits for the target only where a table is new.
    Status apply(const SlicePtr& slice);
    // A transaction that only moves the position (or, to where it is, only waits for the disk).
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
    // A transaction that changed nothing here leaves its end LSN to whoever moves the position next.
    Lsn passed_lsn() const { return passed_; }
    bool in_transaction() const { return begun_; }
    // Commits were sent that no durable commit covers.
    bool has_loose_commits() const { return loose_commits_; }
    bool durable_commit_under_way() const { return durable_under_way_; }

  private:
    // What is known of the source transaction (or the snapshot) at hand.
    struct Transaction {
        std::int64_t events = 0;  // row-like ones, as the e event counts them
        int schema_version = 0;   // the highest
        std::string evidence_id;
    };

    Status apply_slice(const SlicePtr& slice);
    Status start(const Slice& slice);
    Status apply_event(const Event& event, const SlicePtr& slice);
    Status apply_change(const Event& event, const EventBody& body, const SlicePtr& slice);
    Status apply_schema_change(const Event& event, const EventBody& body, const SlicePtr& slice);
    Result<const ProjectionTable*> table_of(const Event& event, const EventBody& body, const SlicePtr& slice);
    Status wait_in_transaction(const SlicePtr& slice);
    Status check_end(const Event& event, const EventBody& body) const;
    Status begin();
    Status send_batches(const SlicePtr& slice);
    Status commit(PositionMove move);
    Status finish_transaction(const Slice& slice);
    const std::string& sql_of(const Batch& batch);

    Status handle(Reply reply);
    Status failure_of(const Reply& reply);
    Status name_the_event(const Batch& batch, const Status& status);

    Session& session_;
    Ledger& ledger_;
    TableKeeper& tables_;
    Batcher batcher_;
    Lsn position_;
    Lsn durable_;
    Lsn passed_;
    bool in_slices_ = false;  // between a transaction's first and last slice
    bool skipping_ = false;   // it is applied already
    bool begun_ = false;      // BEGIN was sent
    bool loose_commits_ = false;
    bool durable_under_way_ = false;
    Transaction transaction_;
    std::map<std::tuple<const ProjectionTable*, Action, std::vector<std::size_t>>, std::string> sql_;
    Status failure_;
};

}  // namespace cdc::projection
