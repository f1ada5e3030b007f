// Sink: the contract between the pipeline and whatever takes its events.
//
// One thread of its own calls every method of a sink (pipeline/sink_runner.h), in the order
//   open → stored_position → [begin_snapshot → (write* → end_snapshot)+] → begin_streaming → (write | advance
//   | poll | ran_dry)* → flush → close
// and close may come at any point. Slices arrive in commit order, each transaction whole (first … last)
// unless the stream breaks; then the pipeline closes all sinks, opens them again and replays from the least
// stored position.
//
// Accepted is not durable: write may return before the slice is durable and keep the SlicePtr until it is
// (that is what bounds memory: the pipeline stops reading at its byte budget). durable_lsn says how far it
// is. Failure: every outcome is a Status: retry makes the pipeline reopen and replay after a backoff; reject
// and fatal stop it. A sink never drops an event and never reorders events of one key.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/lsn.h"
#include "base/source_identity.h"
#include "base/status.h"
#include "envelope/slice.h"
#include "envelope/table_catalog.h"

namespace cdc {

// What a sink is told about its pipeline: it copies what it needs. What catalog points to outlives the sink.
struct SinkContext {
    std::string pipeline;
    std::string slot;
    std::string projection;     // goes into evidence_id; names this consumer in the ledger
    std::string source_commit;  // the other half of evidence_id
    std::string cluster;        // the source's name in source_id
    SourceIdentity source;
    // What decides the bytes of an event beside the WAL (source/event_form.h): stored with each position.
    std::string form;
    // The plugin's option json=string: json columns are strings of text, and not documents.
    bool json_as_string = false;
    // Whether a column is masked by its hash, so that its values are text whatever its type.
    std::function<bool(const std::string& schema, const std::string& table, const std::string& column)>
        hashed;
    TableCatalog* catalog = nullptr;
    // Bytes of slices that all sinks may hold before the pipeline stops reading: a sink that keeps slices
    // longer than it must, must keep well below it.
    std::size_t memory_limit = 32u << 20;
    // Whether the pipeline captures schema.table (unquoted): a sink that writes into the source database
    // itself must refuse a table that would come back to it.
    std::function<bool(const std::string& schema, const std::string& table)> captures;
    // Whether the pipeline is to end: what takes minutes asks now and then, and gives up. From any thread.
    std::function<bool()> stopping = [] { return false; };
};

// A position that a sink keeps together with its data.
struct StoredPosition {
    std::string system_identifier;
    std::string database;  // of the source; empty where a release before that wrote it
    std::uint32_t timeline = 0;
    std::string slot;
    Lsn end_lsn;             // every transaction that ends at or before it is applied
    bool streaming = false;  // false: a snapshot was begun (and perhaps finished) but streaming has not
    // The newest commit LSN of which anything is delivered, whole or in part (none: nothing was). Exact only
    // where timeline is not that of the source.
    Lsn delivered_lsn;
    std::string form;  // the context's, when it was written; empty where a release before that wrote it
    std::string snapshot_progress;  // of the last slice that had one (envelope/slice.h)
};

class Sink {
  public:
    virtual ~Sink() = default;

    // "kafka", "postgres", …: for log lines and metrics.
    virtual std::string name() const = 0;

    // Connects and checks. May be called again after close.
    virtual Status open(const SinkContext& context) = 0;

    // Whether this sink stores its position with its data. One that does not starts from the slot's
    // confirmed_flush_lsn and may see whole transactions again (at least once).
    virtual bool keeps_position() const = 0;
    // Whether rows are kept as rows of tables, from which those of one table can be removed (Slice::refill).
    virtual bool keeps_tables() const { return false; }
    // Nothing where no position is stored yet, or the sink keeps none.
    virtual Result<std::optional<StoredPosition>> stored_position() = 0;

    // A snapshot at consistent_point begins: what an earlier, unfinished one of this pipeline left is
    // removed.
    virtual Status begin_snapshot(Lsn consistent_point) = 0;
    // Of this table (unquoted names) the snapshot has no rows: a sink with a table for each makes it all the
    // same, so that who reads it finds it empty and not missing.
    virtual Status empty_table(const std::string& schema, const std::string& table) {
        (void)schema, (void)table;
        return {};
    }
    // All that is to be durable at once has been written, of the whole snapshot or of a part of it: returns
    // when every slice is.
    virtual Status end_snapshot(Lsn consistent_point) = 0;
    // The slot is permanent and streaming starts at start_lsn (an end LSN): from here on a missing slot is a
    // loss. That is where the stored position is, except: behind it where the slot had to be made anew (what
    // is between is missing), before it on a new timeline, whose LSNs may have been taken back (nothing that
    // was delivered is: source/timeline.h). The stored position becomes start_lsn, of this source.
    virtual Status begin_streaming(Lsn start_lsn) = 0;

    virtual Status write(const SlicePtr& slice) = 0;

    // Every transaction that ends at or before lsn has been written (or there was none): lets the position
    // move on an idle source. A sink that stores positions may write it later; durable_lsn follows when it
    // has.
    virtual Status advance(Lsn lsn) = 0;

    // Does what is due without blocking: reads acknowledgements, writes what lingers. Called whenever wait_fd
    // is readable and at poll_deadline.
    virtual Status poll() = 0;
    // A descriptor that becomes readable when poll has something to do; -1 for none. May change with every
    // call.
    virtual int wait_fd() const { return -1; }
    // When poll must be called at the latest, though wait_fd is silent.
    virtual std::optional<std::chrono::steady_clock::time_point> poll_deadline() const {
        return std::nullopt;
    }

    // Nothing more is queued for now: what was held back to go together with what might follow need not wait
    // any longer. Called after the last queued slice, each time the queue has run dry; what comes while it
    // works is queued. This is how a batch is small at a low rate and large at a high one.
    virtual Status ran_dry() { return {}; }

    // Cumulative and monotone while open: every transaction that ends at or before it is durable here.
    virtual Lsn durable_lsn() const = 0;

    // The number of the newest snapshot_progress (envelope/slice.h) that is durable here, with all that was
    // written before it; 0 where there was none since open.
    virtual std::uint64_t durable_progress() const = 0;

    // How many events were put away for a person (on_reject: park) since this object was made; one that is
    // put away again after a retry counts again.
    virtual std::uint64_t parked() const { return 0; }

    // Waits until all that was written (whole transactions) is durable, at most timeout; retry where it is
    // not.
    virtual Status flush(std::chrono::milliseconds timeout) = 0;

    // Gives up what is not durable. Never fails.
    virtual void close() = 0;
};

}  // namespace cdc
