// PostgresSink: a projection of the source's tables in a PostgreSQL database, with its provenance.
//
// Each source table has one table in the target (option table), made where it is absent, with the source's
// columns, its key as primary key, and _source_id, _evidence_id, _commit_lsn, _seq, _schema_version,
// _ts_source, _deleted. What cannot be projected faithfully is refused, with the way out, never guessed.
//
// Idempotence key: the stored position (projection_position), which moves in the same target transaction as
// the data. Guarantee: effectively once: whole source transactions, one or several to a target transaction
// (applier.h), applied whole or not at all; a crash of worker, source or target neither loses nor repeats one
// (applier.h on durability). One worker at a time: the fence and the position are checked in every
// transaction (ledger.h).
//
// What the target refuses: the sets that are not committed are undone and their slices, which are kept until
// then, applied again in the careful way, which finds the event; it is parked in projection_dead_letter, or
// stops the pipeline (on_reject). A load too long to be kept is sent again by the source instead.
//
// Limits: a column that is added with a default at the source is null in the rows projected before, until
// they change; a dropped column stays, as it was; a renamed table is projected anew, under its new name, from
// there on; a table without a key takes inserts as they come, and an update or delete needs REPLICA IDENTITY
// FULL and touches one row with that old image. During a new snapshot the tables are empty at first.
//
// Owner: the pipeline. Thread: one (sinks/sink.h). Failure: retry for trouble with the connection or the
// server, reject for data that the target refuses (naming the event), fatal for everything a person must
// mend.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "config/config.h"
#include "sinks/postgres/applier.h"
#include "sinks/postgres/ledger.h"
#include "sinks/postgres/session.h"
#include "sinks/postgres/table_keeper.h"
#include "sinks/sink.h"

namespace cdc {

class PostgresSink final : public Sink {
  public:
    explicit PostgresSink(config::PostgresSink settings) : settings_(std::move(settings)) {}
    ~PostgresSink() override { close(); }

    std::string name() const override { return "postgres"; }
    Status open(const SinkContext& context) override;
    bool keeps_position() const override { return true; }
    Result<std::optional<StoredPosition>> stored_position() override;
    bool keeps_tables() const override { return true; }
    Status begin_snapshot(Lsn consistent_point) override;
    Status empty_table(const std::string& schema, const std::string& table) override;
    Status end_snapshot(Lsn consistent_point) override;
    Status begin_streaming(Lsn start_lsn) override;
    Status write(const SlicePtr& slice) override;
    Status advance(Lsn lsn) override;
    Status poll() override;
    Status ran_dry() override;
    int wait_fd() const override;
    std::optional<std::chrono::steady_clock::time_point> poll_deadline() const override;
    Lsn durable_lsn() const override;
    std::uint64_t durable_progress() const override;
    std::uint64_t parked() const override { return parked_before_ + (applier_ ? applier_->parked() : 0); }
    Status flush(std::chrono::milliseconds timeout) override;
    void close() override;

  private:
    using Clock = std::chrono::steady_clock;

    Status need_open() const;
    Status pump();
    Status pump_once();
    Status with_care(Status (PostgresSink::*step)());
    Status apply_queued();
    Status apply_carefully(const SlicePtr& slice);
    Status go_back(const Status& refusal);
    void note_load();
    void let_go();
    std::size_t most_kept() const;
    bool may_send_position() const;
    Status send_due();
    Status wait_for_all(Clock::time_point deadline);
    Lsn idle_lsn() const;
    bool all_durable() const;
    Status make_keys();
    Status run_durably(const std::string& where, const std::function<Status()>& work);

    config::PostgresSink settings_;
    SinkContext context_;
    // In this order, as each uses those before it.
    std::unique_ptr<projection::Session> session_;
    std::unique_ptr<projection::Ledger> ledger_;
    std::unique_ptr<projection::TableKeeper> tables_;
    std::unique_ptr<projection::Applier> applier_;
    std::uint64_t parked_before_ = 0;  // by appliers that are gone
    std::optional<StoredPosition> stored_;
    std::deque<SlicePtr>
        queue_;  // not sent yet, as the target does not take more; bounded by the byte budget
    // Applied and not confirmed to be committed, each with the number of its load.
    struct Kept {
        SlicePtr slice;
        std::uint64_t load = 0;
    };
    std::deque<Kept> kept_;
    std::size_t kept_bytes_ = 0;
    std::uint64_t not_kept_ = 0;  // the last load that was too long
    Lsn reached_;                 // the latest commit LSN that was handed on
    // Slices of transactions whose commit record starts before it are applied carefully; outlives close,
    // since what was not kept comes again then.
    Lsn careful_until_;
    bool careful_now_ = false;
    bool dry_ = false;      // nothing more is queued
    unsigned hurried_ = 0;  // polls in a row without a look at the socket
    Lsn announced_;         // what advance said last
    bool streaming_ = false;
    bool flushing_ = false;
    Clock::time_point moved_at_;  // when a position was last sent for its own sake
};

}  // namespace cdc
