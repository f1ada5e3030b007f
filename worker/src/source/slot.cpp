#include "source/slot.h"

#include <chrono>
#include <random>
#include <thread>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/number.h"
#include "source/slot_errors.h"

namespace cdc::source {
namespace {

using Clock = std::chrono::steady_clock;

std::string quoted_slot(const std::string& slot) {
    // Names of slots are [a-z0-9_] (ReplicationSlotValidateName; config checks it): nothing to escape.
    return '"' + slot + '"';
}

// Says whom a slot under creation waits for: it can't be consistent before every transaction that was running
// has ended (snapbuild.c, SnapBuildWaitSnapshot), which may be hours.
class WaitReporter {
  public:
    WaitReporter(std::string dsn, std::string application_name, std::string slot, int walsender_pid)
        : dsn_(std::move(dsn)),
          application_name_(std::move(application_name)),
          slot_(std::move(slot)),
          walsender_pid_(walsender_pid) {}

    void operator()() {
        constexpr auto pause = std::chrono::seconds(10);
        const auto now = Clock::now();
        if (now < next_) return;
        next_ = now + pause;
        if (!connect()) return;
        auto rows = connection_->query(sql());
        if (!rows.ok()) {
            connection_.reset();
            return;
        }
        for (int row = 0; row < rows->count(); ++row) {
            log_info("slot \"{}\" is being created; it waits for {}", slot_, rows->text(row, 0));
        }
    }

  private:
    bool connect() {
        if (connection_) return true;
        auto opened = open_source_connection(dsn_, application_name_, pq::Mode::sql);
        if (!opened.ok()) return false;  // only the report is lost
        connection_.emplace(std::move(*opened));
        return true;
    }

    std::string sql() const {
        const std::string pid = std::to_string(walsender_pid_);
        // A prepared transaction has pid 0 here.
        return "SELECT CASE WHEN b.pid = 0 THEN 'the prepared transaction ' || "
               "coalesce((SELECT quote_literal(p.gid) || ' (since ' || p.prepared || ')' FROM pg_locks l "
               "JOIN "
               "pg_prepared_xacts p ON p.transaction = l.transactionid WHERE l.pid = " +
               pid +
               " AND NOT l.granted LIMIT 1), '') ELSE 'the transaction of process ' || b.pid || "
               "coalesce(format(' (role %s, database %s, %s, open for %s s; last query, begun %s: %s)', "
               "a.usename, a.datname, a.state, "
               "extract(epoch FROM clock_timestamp() - a.xact_start)::bigint, a.query_start, "
               // What stands in quotes may be nobody's business in a log, also where it is cut off.
               "regexp_replace(left(regexp_replace(a.query, '\\s+', ' ', 'g'), 200), "
               "'''[^'']*''?', '''...''', 'g')), '') END FROM unnest(pg_blocking_pids(" +
               pid + ")) AS b(pid) LEFT JOIN pg_stat_activity a ON a.pid = b.pid";
    }

    const std::string dsn_, application_name_, slot_;
    const int walsender_pid_;
    Clock::time_point next_ = Clock::now() + std::chrono::seconds(2);
    std::optional<pq::Connection> connection_;
};

enum class Snapshot { exported, none };

std::string create_command(const std::string& slot, bool temporary, Snapshot snapshot, int server_version) {
    std::string command = "CREATE_REPLICATION_SLOT " + quoted_slot(slot);
    if (temporary) command += " TEMPORARY";
    command += std::string(" LOGICAL \"") + plugin_name + '"';
    const bool exported = snapshot == Snapshot::exported;
    if (server_version >= 150000)
        return command + (exported ? " (SNAPSHOT 'export')" : " (SNAPSHOT 'nothing')");
    return command + (exported ? " EXPORT_SNAPSHOT" : " NOEXPORT_SNAPSHOT");
}

struct CreatedSlot {
    Lsn consistent_point;
    std::string snapshot_name;  // empty where none was exported
};

Result<CreatedSlot> run_create(pq::Connection& replication, const std::string& dsn,
                               const std::string& application_name, const std::string& slot, bool temporary,
                               Snapshot snapshot, const StopCheck& stop,
                               const SnapshotSlot::WaitHook& on_wait = {}) {
    const int walsender_pid = PQbackendPID(replication.native());
    WaitReporter reporter(dsn, application_name, slot, walsender_pid);
    auto answer = query_interruptible(
        replication, create_command(slot, temporary, snapshot, replication.server_version()), stop,
        [&] {
            reporter();
            if (on_wait) on_wait(walsender_pid);
        },
        [&](const PGresult* refusal) {
            return slot_error(replication, refusal, "creating replication slot \"" + slot + "\"", slot);
        });
    CDC_RETURN_IF_ERROR(answer.status());
    if (answer->count() != 1) return Status::fatal("CREATE_REPLICATION_SLOT: the server gave no position");
    const auto point = Lsn::parse(answer->text(0, 1));
    if (!point) return Status::fatal("CREATE_REPLICATION_SLOT: the position is not an LSN");
    return CreatedSlot{*point, std::string(answer->text(0, 2))};
}

// Copies a logical slot of ours that stands at `point`; where: what that is for, in messages. Retry where it
// is gone or the other one exists.
Status copy_slot(const std::string& dsn, const std::string& application_name, const std::string& from,
                 const std::string& to, Lsn point, const std::string& where) {
    auto sql = open_source_connection(dsn, application_name, pq::Mode::sql);
    if (!sql.ok()) return sql.status().in("source");
    auto rows = query_interruptible(
        *sql, "SELECT lsn FROM pg_copy_logical_replication_slot('" + from + "', '" + to + "', false)", {}, {},
        [&](const PGresult* refusal) {
            const char* state = PQresultErrorField(refusal, PG_DIAG_SQLSTATE);
            const std::string_view sqlstate = state == nullptr ? "" : state;
            const bool decide_anew = sqlstate == "42704" || sqlstate == "42710";  // gone, or there already
            const Status status = slot_error(*sql, refusal, where, to);
            return decide_anew ? Status::retry(sql->error(where, refusal).message()) : status;
        });
    CDC_RETURN_IF_ERROR(rows.status());
    const auto copied = rows->count() == 1 ? Lsn::parse(rows->text(0, 0)) : std::nullopt;
    if (copied == point) return {};
    return Status::fatal(where + ": it stands at " + (copied ? copied->to_string() : "an unknown position") +
                         ", not at the snapshot's consistent point " + point.to_string());
}

std::string hex(std::uint32_t number) {
    char digits[9];
    std::snprintf(digits, sizeof(digits), "%08x", number);
    return digits;
}

std::string random_suffix() {
    std::random_device random;
    return hex(static_cast<std::uint32_t>(random()));
}

}  // namespace

std::string temporary_slot_name(const std::string& slot, const std::string& suffix) {
    constexpr std::size_t longest = 63;
    const std::string ending = "_snapshot_" + suffix;
    return slot.substr(0, longest - std::min(longest, ending.size())) + ending;
}

// By the slot's whole name (FNV-1a), so that neither two long names nor a user's own slot are taken for one.
std::string kept_slot_name(const std::string& slot) {
    std::uint32_t hash = 2166136261;
    for (const char character : slot)
        hash = (hash ^ static_cast<unsigned char>(character)) * 16777619;
    return temporary_slot_name(slot, hex(hash));
}

Result<std::optional<SlotState>> slot_state(pq::Connection& sql, const std::string& slot) {
    auto name = sql.quote_literal(slot);
    CDC_RETURN_IF_ERROR(name.status());
    // Through jsonb, because the columns differ by version: two_phase is of 14, conflicting of 16 and
    // invalidation_reason of 17. Without parameters: a walsender takes simple queries only.
    auto rows = sql.query(
        "SELECT slot_type, plugin, database, temporary, active, coalesce(active_pid, 0), restart_lsn, "
        "confirmed_flush_lsn, coalesce(wal_status, ''), coalesce(s.j->>'invalidation_reason', CASE s.j->>"
        "'conflicting' WHEN 'true' THEN 'conflict with recovery' END, ''), coalesce(s.j->>'two_phase', "
        "'false'), coalesce(s.j->>'failover', 'false') FROM (SELECT r.*, to_jsonb(r) AS j FROM "
        "pg_replication_slots r WHERE slot_name = " +
        *name + ") s");
    if (!rows.ok()) return rows.status().in("reading pg_replication_slots");
    if (rows->count() == 0) return std::optional<SlotState>{};
    if (rows->text(0, 0) != "logical") {
        return Status::fatal("replication slot \"" + slot + "\" is a physical slot",
                             "choose another slot name");
    }
    SlotState state;
    state.name = slot;
    state.plugin = rows->text(0, 1);
    state.database = rows->text(0, 2);
    state.temporary = rows->text(0, 3) == "t";
    state.active = rows->text(0, 4) == "t";
    state.active_pid = leading_number<int>(rows->text(0, 5));
    state.restart_lsn = Lsn::parse(rows->text(0, 6)).value_or(Lsn{});
    state.confirmed_flush_lsn = Lsn::parse(rows->text(0, 7)).value_or(Lsn{});
    state.wal_status = rows->text(0, 8);
    state.invalidation_reason = rows->text(0, 9);
    state.two_phase = rows->text(0, 10) == "true";
    state.failover = rows->text(0, 11) == "true";
    return std::optional<SlotState>(std::move(state));
}

Result<bool> is_application(pq::Connection& sql, int pid, const std::string& name) {
    auto rows = sql.query(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND application_name = "
        "left($2, current_setting('max_identifier_length')::int))",
        {std::to_string(pid).c_str(), name.c_str()});
    if (!rows.ok()) return rows.status();
    return rows->text(0, 0) == "t";
}

Result<Lsn> create_slot(const std::string& dsn, const std::string& application_name, const std::string& slot,
                        const StopCheck& stop) {
    auto replication = open_source_connection(dsn, application_name, pq::Mode::replication);
    if (!replication.ok()) return replication.status().in("source");
    auto created = run_create(*replication, dsn, application_name, slot, false, Snapshot::none, stop);
    CDC_RETURN_IF_ERROR(created.status());
    return created->consistent_point;
}

// ReplicationSlotReserveWal (slot.c) begins a slot at this position, and decoding finds its point later.
Result<Lsn> insert_lsn(pq::Connection& sql) {
    auto rows = sql.query("SELECT pg_current_wal_insert_lsn()");
    if (!rows.ok()) return rows.status();
    return Lsn::parse(rows->text(0, 0)).value_or(Lsn{});
}

// It becomes consistent at a record of running transactions (xl_running_xacts) without the one that it waits
// for: as long as that runs, the record is yet to be written (snapbuild.c, SnapBuildFindSnapshot). Between a
// transaction's end and that of its lock (xact.c, CommitTransaction) somebody may write one.
Result<std::optional<Lsn>> insert_lsn_while_waiting(pq::Connection& sql, int walsender_pid) {
    const Result<Lsn> end = insert_lsn(sql);
    if (!end.ok()) return end.status();
    auto waits = sql.query(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND locktype = 'transactionid' AND NOT granted)",
        {std::to_string(walsender_pid).c_str()});
    if (!waits.ok()) return waits.status();
    if (waits->text(0, 0) != "t") return std::optional<Lsn>();
    return std::optional<Lsn>(*end);
}

Status drop_slot(const std::string& dsn, const std::string& application_name, const std::string& slot) {
    constexpr auto patience = std::chrono::seconds(10);
    const std::string where = "dropping replication slot \"" + slot + "\"";
    auto sql = open_source_connection(dsn, application_name, pq::Mode::sql);
    if (!sql.ok()) return sql.status().in(where);
    const Clock::time_point deadline = Clock::now() + patience;
    while (true) {
        auto rows = sql->query(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name "
            "= $1",
            {slot.c_str()});
        if (rows.ok()) return {};
        const bool held = sql->last_sqlstate() == "55006";  // object_in_use
        if (!held || Clock::now() >= deadline) return rows.status().in(where);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

Status ensure_failover(const std::string& dsn, const std::string& application_name, const std::string& slot) {
    const std::string where = "slot.failover of replication slot \"" + slot + "\"";
    auto replication = open_source_connection(dsn, application_name, pq::Mode::replication);
    if (!replication.ok()) return replication.status().in(where);
    if (replication->server_version() < 170000) {
        return Status::fatal(
            where + ": the server is older than PostgreSQL 17, which can't synchronise slots",
            "remove slot.failover; slot.on_missing says what is done after a failover then");
    }
    auto state = slot_state(*replication, slot);
    CDC_RETURN_IF_ERROR(state.status());
    if (!state->has_value() || (*state)->failover) return {};
    CDC_RETURN_IF_ERROR(
        replication->execute("ALTER_REPLICATION_SLOT " + quoted_slot(slot) + " (FAILOVER true)").in(where));
    log_info("slot \"{}\" is marked for synchronisation to standbys (failover)", slot);
    return {};
}

Result<SnapshotSlot> SnapshotSlot::create(const std::string& dsn, const std::string& application_name,
                                          const std::string& slot, const StopCheck& stop,
                                          const WaitHook& on_wait) {
    auto replication = open_source_connection(dsn, application_name, pq::Mode::replication);
    if (!replication.ok()) return replication.status().in("source");
    SnapshotSlot snapshot(std::move(*replication), dsn, application_name, slot);
    snapshot.temporary_name_ = temporary_slot_name(slot, random_suffix());
    auto created = run_create(snapshot.replication_, dsn, application_name, snapshot.temporary_name_, true,
                              Snapshot::exported, stop, on_wait);
    CDC_RETURN_IF_ERROR(created.status());
    snapshot.consistent_point_ = created->consistent_point;
    snapshot.snapshot_name_ = created->snapshot_name;
    return snapshot;
}

Status SnapshotSlot::alive() {
    if (PQconsumeInput(replication_.native()) != 0 && PQstatus(replication_.native()) == CONNECTION_OK)
        return {};
    return replication_.error("the connection that holds the snapshot's slot");
}

// A failure here is that of a connection whose end drops the temporary slot too.
Status SnapshotSlot::drop_temporary() {
    if (const Status dropped = replication_.execute("DROP_REPLICATION_SLOT " + quoted_slot(temporary_name_));
        !dropped.ok()) {
        log_debug("temporary slot \"{}\": {}", temporary_name_, dropped.message());
    }
    return {};
}

Status SnapshotSlot::keep() {
    const std::string kept = kept_slot_name(slot_);
    CDC_RETURN_IF_ERROR(copy_slot(dsn_, application_name_, temporary_name_, kept, consistent_point_,
                                  "keeping the snapshot's point in replication slot " + quoted_slot(kept)));
    kept_ = true;
    return drop_temporary();
}

Status SnapshotSlot::give_up() {
    return kept_ ? drop_slot(dsn_, application_name_, kept_slot_name(slot_)) : Status();
}

Status SnapshotSlot::make_permanent() {
    if (kept_) return make_kept_permanent(dsn_, application_name_, slot_, consistent_point_);
    CDC_RETURN_IF_ERROR(copy_slot(dsn_, application_name_, temporary_name_, slot_, consistent_point_,
                                  "making replication slot " + quoted_slot(slot_) + " permanent"));
    return drop_temporary();
}

Status make_kept_permanent(const std::string& dsn, const std::string& application_name,
                           const std::string& slot, Lsn point) {
    const std::string kept = kept_slot_name(slot);
    CDC_RETURN_IF_ERROR(
        copy_slot(dsn, application_name, kept, slot, point,
                  "making replication slot " + quoted_slot(slot) + " of the kept one, " + quoted_slot(kept)));
    CDC_RETURN_IF_ERROR(failpoint("snapshot_slot_permanent"));
    return drop_slot(dsn, application_name, kept);
}

}  // namespace cdc::source
