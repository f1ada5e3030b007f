#include "source/preflight.h"

#include <iterator>

#include "base/number.h"
#include "source/preflight_judge.h"
#include "source/replication_stream.h"
#include "source/snapshot_condition.h"
#include "source/snapshot_requests.h"
#include "source/snapshot_signal.h"
#include "source/source_connection.h"

namespace cdc::source {
namespace {

const char* const application_name = "cdc-worker check";

const char* const facts_sql =
    "SELECT current_user, current_database(), r.rolreplication OR r.rolsuper, current_setting('wal_level'), "
    "pg_is_in_recovery(), (SELECT setting FROM pg_settings WHERE name = 'output_plugin_libraries'), "
    "current_setting('max_replication_slots'), (SELECT count(*) FROM pg_replication_slots), "
    "current_setting('max_wal_senders'), (SELECT count(*) FROM pg_stat_replication), (SELECT setting FROM "
    "pg_settings WHERE name = 'wal_sender_timeout'), coalesce((SELECT setting FROM pg_settings WHERE name = "
    "'max_slot_wal_keep_size'), '-1'), (SELECT extversion FROM pg_extension WHERE extname = 'cdc_envelope'), "
    "(SELECT default_version FROM pg_available_extensions WHERE name = 'cdc_envelope'), "
    "coalesce((SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') FROM "
    "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'cdc_envelope' AND c.relname "
    "= "
    "'schema_history'), false), (SELECT "
    "string_agg(evtname, E'\\n' ORDER BY evtname) FROM pg_event_trigger e JOIN pg_depend d ON d.classid = "
    "'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e' JOIN pg_extension x ON "
    "d.refclassid "
    "= 'pg_extension'::regclass AND x.oid = d.refobjid WHERE x.extname = 'cdc_envelope' AND e.evtenabled = "
    "'D') FROM pg_roles r WHERE r.rolname = current_user";

std::vector<std::string> lines(std::string_view text) {
    std::vector<std::string> found;
    while (!text.empty()) {
        const auto newline = text.find('\n');
        found.emplace_back(text.substr(0, newline));
        text = newline == std::string_view::npos ? std::string_view{} : text.substr(newline + 1);
    }
    return found;
}

Result<ServerFacts> server_facts(pq::Connection& sql) {
    auto rows = sql.query(facts_sql);
    if (!rows.ok()) return rows.status().in("asking the server for its settings");
    if (rows->count() != 1) return Status::fatal("asking the server for its settings: no answer");
    ServerFacts facts;
    facts.version = sql.server_version();
    facts.role = rows->text(0, 0);
    facts.database = rows->text(0, 1);
    facts.may_replicate = rows->text(0, 2) == "t";
    facts.wal_level = rows->text(0, 3);
    facts.standby = rows->text(0, 4) == "t";
    if (!rows->is_null(0, 5)) facts.output_plugin_libraries = std::string(rows->text(0, 5));
    facts.max_slots = leading_number<int>(rows->text(0, 6));
    facts.used_slots = leading_number<int>(rows->text(0, 7));
    facts.max_walsenders = leading_number<int>(rows->text(0, 8));
    facts.used_walsenders = leading_number<int>(rows->text(0, 9));
    facts.wal_sender_timeout = std::chrono::milliseconds(leading_number<std::int64_t>(rows->text(0, 10)));
    facts.max_slot_wal_keep_mb = leading_number<std::int64_t>(rows->text(0, 11));
    facts.extension_version = rows->text(0, 12);
    facts.extension_available = rows->text(0, 13);
    facts.extension_usable = rows->text(0, 14) == "t";
    facts.disabled_triggers = lines(rows->text(0, 15));
    facts.encrypted = PQsslInUse(sql.native()) != 0;
    const char* host = PQhost(sql.native());
    facts.local = host != nullptr && (host[0] == '/' || host[0] == '@');
    return facts;
}

void add(std::vector<Finding>& findings, std::vector<Finding> more) {
    findings.insert(findings.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
}

void add_error(std::vector<Finding>& findings, const Status& status) {
    findings.push_back({Severity::error, status.message(), status.hint()});
}

// pg_hba.conf may let the role in for SQL and not for replication, or the other way round.
void check_replication_connection(const config::Source& source, std::vector<Finding>& findings) {
    auto stream = ReplicationStream::open(source.dsn, application_name);
    if (!stream.ok()) {
        add_error(findings, stream.status().in("replication connection"));
        return;
    }
    findings.push_back({Severity::ok,
                        "replication connection: system " + stream->identity().system_identifier +
                            ", timeline " + std::to_string(stream->identity().timeline),
                        {}});
}

// The setting is shown to superusers and pg_read_all_settings only. For others the server's own answer
// counts: it looks at the list, and loads the library, before it begins to make a slot. The slot is a
// temporary one and is given up at once.
void probe_plugin(const config::Source& source, std::vector<Finding>& findings) {
    constexpr auto patience = std::chrono::seconds(2);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const Status made = SnapshotSlot::create(source.dsn, application_name, "cdc_check", [deadline] {
                            return std::chrono::steady_clock::now() > deadline;
                        }).status();
    // Stopped while it waited for older transactions: the plugin had been accepted before.
    if (made.code() == StatusCode::fatal) {
        add_error(findings, made);
    } else {
        findings.push_back({Severity::ok, "the server accepts the output plugin cdc_envelope", {}});
    }
}

void check_slot(pq::Connection& sql, const ServerFacts& facts, const config::Source& source,
                config::SnapshotMode mode, std::vector<Finding>& findings) {
    auto slot = slot_state(sql, source.slot);
    if (!slot.ok()) {
        add_error(findings, slot.status());
        return;
    }
    const auto kept = slot_state(sql, kept_slot_name(source.slot));
    const auto reader = snapshot_holder(sql, source.slot);
    if (!kept.ok() || !reader.ok()) {
        add_error(findings, kept.ok() ? reader.status() : kept.status());
        return;
    }
    add(findings, judge_slot(source.slot, *slot, facts.database, mode));
    add(findings, judge_kept_slot(*kept, slot->has_value(), *reader, mode));
    add(findings, judge_capacity(facts, *slot, mode, kept->has_value()));
}

// What the slot may emit at most, as the owner of the extension has it.
void check_policy(pq::Connection& sql, const config::Source& source, std::vector<Finding>& findings) {
    auto rows = sql.query("SELECT cdc_envelope.policy_of($1)", {source.slot.c_str()});
    if (!rows.ok()) {
        add_error(findings, rows.status().in("asking for the slot's policy"));
    } else if (rows->is_null(0, 0)) {
        findings.push_back({Severity::ok,
                            "no slot policy holds for slot \"" + source.slot + "\": it may emit every table",
                            {}});
    } else {
        findings.push_back({Severity::ok,
                            "the slot policy for \"" + std::string(rows->text(0, 0)) +
                                "\" holds for slot \"" + source.slot + "\" (cdc_envelope.slot_policy)",
                            {}});
    }
}

// Requests to read a table beside the stream: a snapshot that resumes makes some by itself.
void check_requests(pq::Connection& sql, const ServerFacts& facts, const config::Snapshot& snapshot,
                    std::vector<Finding>& findings) {
    const bool required = snapshot.beside_stream || snapshot.resumable == config::Resumable::yes;
    if (required && snapshot.mode != config::SnapshotMode::never) {
        const char* const option = snapshot.beside_stream ? "snapshot.beside_stream" : "snapshot.resumable";
        if (const Status may = check_may_request(sql, option); !may.ok()) return add_error(findings, may);
    }
    auto taken = has_snapshot_signals(sql);
    if (!taken.ok()) return add_error(findings, taken.status());
    if (*taken) {
        findings.push_back({Severity::ok,
                            "requests for snapshots of single tables are taken "
                            "(cdc_envelope.snapshot_signal)",
                            {}});
        return;
    }
    const auto role = sql.quote_identifier(facts.role);
    findings.push_back({Severity::ok,
                        "requests for snapshots of single tables are not taken: the role may not read and "
                        "update cdc_envelope.snapshot_signal",
                        "GRANT SELECT, UPDATE ON cdc_envelope.snapshot_signal TO " +
                            (role.ok() ? *role : facts.role) + ";"});
}

}  // namespace

std::vector<Finding> check_source(const config::Source& source, const config::Snapshot& snapshot) {
    const config::SnapshotMode mode = snapshot.mode;
    std::vector<Finding> findings;
    auto sql = open_source_connection(source.dsn, application_name, pq::Mode::sql);
    if (!sql.ok()) {
        add_error(findings, sql.status());
        return findings;
    }
    auto facts = server_facts(*sql);
    if (!facts.ok()) {
        add_error(findings, facts.status());
        return findings;
    }
    add(findings, judge_server(*facts, source, mode));
    if (facts->may_replicate) check_replication_connection(source, findings);
    add(findings, judge_extension(*facts, mode));
    const bool hidden = !facts->output_plugin_libraries && knows_plugin_setting(facts->version);
    if (hidden && facts->may_replicate && facts->used_slots < facts->max_slots)
        probe_plugin(source, findings);
    check_slot(*sql, *facts, source, mode, findings);
    if (facts->extension_usable) check_policy(*sql, source, findings);
    if (facts->extension_usable && !facts->standby) check_requests(*sql, *facts, snapshot, findings);
    auto tables = captured_tables(*sql, source);
    if (tables.ok()) {
        add(findings, judge_tables(*tables, facts->role, mode));
        for (const CapturedTable& table : *tables) {
            if (const Status status = check_condition(*sql, table); !status.ok()) add_error(findings, status);
        }
    } else {
        add_error(findings, tables.status());
    }
    return findings;
}

}  // namespace cdc::source
