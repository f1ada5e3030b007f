// Pipeline: one slot, its sinks, and the loop that keeps them going: connect, decide where to begin, snapshot
// if that is what is due, stream; after a passing trouble everything is closed and begun anew from the stored
// positions, with a backoff. One thing is never guessed: where to begin (source/start_position.h).
//
// Owner: main. Thread: run() on a thread of its own; request_stop and statistics from any.
// Failure: run returns what only a person can mend; passing trouble is logged and retried, for ever or for
// retry_max_time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_budget.h"
#include "base/event_fd.h"
#include "base/status.h"
#include "config/config.h"
#include "pipeline/retry_policy.h"
#include "pipeline/sink_group.h"
#include "pipeline/snapshot_resume.h"
#include "pipeline/statistics.h"
#include "pipeline/stop_signal.h"
#include "sinks/sink.h"
#include "source/event_form.h"
#include "source/replication_stream.h"
#include "source/start_position.h"
#include "source/table_catalog.h"

namespace cdc {

class Pipeline {
  public:
    Pipeline(const config::Pipeline& config, std::vector<std::unique_ptr<Sink>> sinks);

    // Until request_stop (ok) or a fatal Status. After a stop with a sink that is still busy past
    // shutdown_timeout the Status says so, and the process must end without destroying the pipeline (its
    // thread still uses it).
    Status run();
    void request_stop() { stop_.request(); }

    const std::string& name() const { return config_.name; }
    const Statistics& statistics() const { return statistics_; }
    const std::vector<std::unique_ptr<Sink>>& sinks() const { return sinks_; }

  private:
    using Clock = std::chrono::steady_clock;

    Status attempt();
    Status run_with(SinkGroup& sinks);
    Status wait_for_slot();
    void forget_what_is_passed(Lsn confirmed);
    Status open_sinks(SinkGroup& sinks, const SourceIdentity& identity);
    Result<source::StartPlan> plan(source::ReplicationStream& stream);
    Status follow_timelines(source::ReplicationStream& stream);
    Result<Lsn> begin(SinkGroup& sinks, const source::StartPlan& plan);
    Status go_on_with_snapshot(SinkGroup& sinks);
    Result<Lsn> make_slot_anew(SinkGroup& sinks, Lsn missing_from);
    Status drop_slot();
    Result<Lsn> begin_with_snapshot(SinkGroup& sinks, const source::StartPlan& plan);
    config::SnapshotMode snapshot_mode() const;
    std::vector<Lsn> positions_for(Lsn start_lsn) const;
    void remember(const SinkGroup& sinks);
    bool close(std::unique_ptr<SinkGroup>& sinks);
    Status wait_before_retry(const Status& status);
    Status stopped(bool orderly);
    Status ended(const Status& status);

    const config::Pipeline config_;
    const std::string application_name_;
    std::vector<std::unique_ptr<Sink>> sinks_;
    Statistics statistics_;
    StopSignal stop_;
    const std::function<bool()> stop_check_;
    EventFd room_;
    ByteBudget budget_;
    source::SqlTableCatalog catalog_;
    SourceIdentity identity_;
    source::ServerForm server_form_;
    std::string form_;                             // of the events, as things are now (source/event_form.h)
    std::vector<source::SinkPosition> positions_;  // of this attempt
    std::vector<std::string> snapshot_progress_;   // of each sink, of this attempt
    InterruptedSnapshot interrupted_;              // as this attempt has found it
    std::map<std::size_t, Lsn> remembered_;  // durable LSN, this process, of sinks that keep no position
    SourceIdentity remembered_identity_;
    bool snapshot_taken_ = false;  // by this process
    bool finished_ = false;        // there was nothing to do but a snapshot, and it is done
    Lsn delivered_;  // commit LSN of the newest transaction that was handed to the sinks, in this process
    std::optional<Clock::time_point> streaming_since_;  // of this attempt
    bool progressed_ = false;                           // something has become durable in this attempt
    bool left_nothing_ = false;  // this attempt was ended with all that was read durable
    RetryPolicy retries_;
};

}  // namespace cdc
