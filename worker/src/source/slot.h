// The replication slot: what state it is in, and how it comes into being.
//
// With a snapshot, the worker makes a *temporary* slot and reads the tables under the snapshot that it
// exports; only when every sink says durable does the permanent slot appear, as a copy of the temporary one
// (pg_copy_logical_replication_slot). So the permanent slot's existence is the atomic mark "the snapshot is
// finished". The copy's confirmed_flush_lsn is the snapshot's consistent point: what was committed meanwhile
// arrives in the stream. A crash in the middle leaves nothing behind that retains WAL, but where the snapshot
// is to go on then: a *kept* slot, of the same name in every attempt, takes the temporary one's place for
// that.
//
// Owner: the pipeline. Thread: one at a time. Failure: retry where the server can't be reached, fatal where
// it refuses (the hint is the way out).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/lsn.h"
#include "base/status.h"
#include "pq/connection.h"
#include "source/source_connection.h"

namespace cdc::source {

// The plugin every slot of ours is made with.
inline constexpr const char* plugin_name = "cdc_envelope";

// A logical slot's row of pg_replication_slots.
struct SlotState {
    std::string name;
    std::string plugin;
    std::string database;
    bool temporary = false;
    bool active = false;
    int active_pid = 0;  // 0 where nobody holds it
    Lsn restart_lsn;     // the oldest WAL it still needs; none where the slot is lost
    Lsn confirmed_flush_lsn;
    std::string wal_status;           // reserved, extended, unreserved, lost
    std::string invalidation_reason;  // PostgreSQL 17+; empty where valid or not known
    bool two_phase = false;
    bool failover = false;  // PostgreSQL 17+

    bool lost() const { return wal_status == "lost" || !invalidation_reason.empty(); }
};

// Nothing where there is no slot of that name. Fatal where it is a physical one.
Result<std::optional<SlotState>> slot_state(pq::Connection& sql, const std::string& slot);

// Whether this process of the server is one of that application; false where the role may not know.
Result<bool> is_application(pq::Connection& sql, int pid, const std::string& name);

// Makes the permanent slot without a snapshot and returns its consistent point (streaming starts there).
// Waits for the transactions that are older than the slot, and says every few seconds which ones they are.
Result<Lsn> create_slot(const std::string& dsn, const std::string& application_name, const std::string& slot,
                        const StopCheck& stop);

// The end of the source's WAL now: no slot that is made from here on has a consistent point before it.
Result<Lsn> insert_lsn(pq::Connection& sql);

// The same of a slot under creation, which waits for a transaction; nothing where it waits no more, as its
// point may have been found. Not for certain: a transaction that has just ended may still have its lock.
Result<std::optional<Lsn>> insert_lsn_while_waiting(pq::Connection& sql, int walsender_pid);

// Drops the slot; waits, for some seconds, until the connection that held it has let go of it. Ok where there
// is none.
Status drop_slot(const std::string& dsn, const std::string& application_name, const std::string& slot);

// Marks the slot for synchronisation to standbys (PostgreSQL 17+, ALTER_REPLICATION_SLOT); nothing where it
// is already. Fatal on an older server.
Status ensure_failover(const std::string& dsn, const std::string& application_name, const std::string& slot);

// The temporary slot of a snapshot; destroying it (or losing its connection) drops it at the server.
class SnapshotSlot {
  public:
    // Called several times a second while the slot waits for older transactions, with the walsender's pid.
    using WaitHook = std::function<void(int)>;

    // Makes the temporary slot and exports its snapshot; waits as create_slot does.
    static Result<SnapshotSlot> create(const std::string& dsn, const std::string& application_name,
                                       const std::string& slot, const StopCheck& stop,
                                       const WaitHook& on_wait = {});

    // For SET TRANSACTION SNAPSHOT; good until make_permanent or destruction.
    const std::string& snapshot_name() const { return snapshot_name_; }
    const std::string& temporary_name() const { return temporary_name_; }
    // Every transaction that ends at or before it is in the snapshot, every later one in the stream.
    Lsn consistent_point() const { return consistent_point_; }

    // Puts the kept slot in the place of the temporary one, so that the point outlives the connection. The
    // exported snapshot ends with it; transactions that have imported it go on. Failure: as make_permanent.
    Status keep();

    // Drops the kept slot, where there is one: nobody goes on from it.
    Status give_up();

    // Whether the connection that holds the slot still stands, without a round trip: retry where it broke
    // (the snapshot has to begin again). To be asked now and then while a snapshot is read.
    Status alive();

    // Makes the permanent slot and drops the temporary or kept one. Retry where that is gone or the permanent
    // one exists already (another worker was faster): look again and decide anew.
    Status make_permanent();

  private:
    Status drop_temporary();

    SnapshotSlot(pq::Connection replication, std::string dsn, std::string application_name, std::string slot)
        : replication_(std::move(replication)),
          dsn_(std::move(dsn)),
          application_name_(std::move(application_name)),
          slot_(std::move(slot)) {}

    pq::Connection replication_;
    std::string dsn_;
    std::string application_name_;
    std::string slot_;
    std::string temporary_name_;
    std::string snapshot_name_;
    Lsn consistent_point_;
    bool kept_ = false;
};

// Gives the slot's name to the one that was kept for it at `point`. Failure: as make_permanent.
Status make_kept_permanent(const std::string& dsn, const std::string& application_name,
                           const std::string& slot, Lsn point);

// "<slot>_snapshot_<suffix>", the slot's name shortened where it would pass 63 bytes (NAMEDATALEN - 1).
std::string temporary_slot_name(const std::string& slot, const std::string& suffix);
// "<slot>_snapshot_<hash of slot>", shortened in the same way.
std::string kept_slot_name(const std::string& slot);

}  // namespace cdc::source
