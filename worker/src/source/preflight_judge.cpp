#include "source/preflight_judge.h"

#include <algorithm>

#include "source/known_bugs.h"
#include "source/slot_errors.h"

namespace cdc::source {
namespace {

constexpr int oldest_version = 130000;
constexpr int newest_major = 18;

std::string quoted(std::string_view name) {
    std::string text = "\"";
    for (const char c : name) {
        if (c == '"') text += '"';
        text += c;
    }
    return text += '"';
}

Finding fine(std::string what) {
    return {Severity::ok, std::move(what), {}};
}

std::string restart(const std::string& setting, const std::string& value) {
    return "ALTER SYSTEM SET " + setting + " = " + value + ";  -- then restart the server";
}

// Names in a list setting, as SplitIdentifierString reads them: separated by commas, which don't separate
// inside double quotes (one quoted name that holds commas is the usual mistake).
bool lists_plugin(std::string_view list) {
    std::string name;
    bool in_quotes = false;
    for (const char c : std::string(list) + ',') {
        if (c == '"') {
            in_quotes = !in_quotes;
        } else if (c == ',' && !in_quotes) {
            if (name == plugin_name) return true;
            name.clear();
        } else if (c != ' ' || in_quotes) {
            name += c;
        }
    }
    return false;
}

void judge_version(const ServerFacts& facts, std::vector<Finding>& findings) {
    const std::string version = "PostgreSQL " + version_text(facts.version);
    if (facts.version < oldest_version) {
        findings.push_back({Severity::error, version + " is too old: 13 is the oldest that is supported",
                            "upgrade the server"});
        return;
    }
    if (facts.version / 10000 > newest_major) {
        findings.push_back(
            {Severity::warning,
             version + " is newer than what this worker knows (" + std::to_string(newest_major) + ")",
             "use a newer worker"});
        return;
    }
    findings.push_back(fine(version));
    for (const KnownBug& bug : known_bugs(facts.version)) {
        findings.push_back({Severity::warning, version + " has a known bug of logical decoding: " + bug.what,
                            bug.fixed_in.empty() ? "upgrade to a supported major version"
                                                 : "upgrade to " + bug.fixed_in + " or later"});
    }
}

void judge_wal(const ServerFacts& facts, std::vector<Finding>& findings) {
    if (facts.wal_level == "logical") {
        findings.push_back(fine("wal_level is logical"));
    } else {
        findings.push_back({Severity::error, "wal_level is " + facts.wal_level + ", not logical",
                            restart("wal_level", "logical")});
    }
    if (!facts.standby) return;
    if (facts.version < 160000) {
        findings.push_back({Severity::error,
                            "the server is a standby: decoding on one needs PostgreSQL 16 or later",
                            "give the primary's address in source.dsn"});
    } else {
        findings.push_back({Severity::warning,
                            "the server is a standby: a new slot waits until the primary logs its running "
                            "transactions",
                            "on the primary, while the worker starts: SELECT pg_log_standby_snapshot();"});
    }
}

void judge_plugin_setting(const ServerFacts& facts, std::vector<Finding>& findings) {
    if (!facts.output_plugin_libraries && knows_plugin_setting(facts.version)) return;  // preflight probes
    if (!facts.output_plugin_libraries) {
        findings.push_back(
            fine("this server has no output_plugin_libraries: any installed plugin may be used"));
    } else if (lists_plugin(*facts.output_plugin_libraries)) {
        findings.push_back(fine("output_plugin_libraries allows cdc_envelope"));
    } else {
        findings.push_back({Severity::error,
                            "output_plugin_libraries (" + *facts.output_plugin_libraries +
                                ") does not list cdc_envelope: the server refuses the plugin",
                            allow_plugin_sql});
    }
}

void judge_connection(const ServerFacts& facts, const config::Source& source,
                      std::vector<Finding>& findings) {
    if (facts.local) {
        findings.push_back(fine("connected through a unix socket"));
    } else if (facts.encrypted) {
        findings.push_back(fine("the connection is encrypted"));
    } else {
        findings.push_back({Severity::warning, "the connection is not encrypted",
                            "source.dsn: sslmode=verify-full sslrootcert=…"});
    }
    using std::chrono::milliseconds;
    const milliseconds timeout = facts.wal_sender_timeout;
    if (timeout == milliseconds(0)) {
        findings.push_back({Severity::warning,
                            "wal_sender_timeout is 0: a worker whose machine died holds its slot until TCP "
                            "gives up",
                            "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();"});
    } else if (timeout < 3 * source.feedback_interval) {
        findings.push_back({Severity::warning,
                            "wal_sender_timeout (" + std::to_string(timeout.count()) +
                                " ms) is less than three times source.feedback_interval (" +
                                std::to_string(source.feedback_interval.count()) + " ms)",
                            "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();  -- or a "
                            "shorter source.feedback_interval"});
    } else {
        findings.push_back(fine("wal_sender_timeout is " + std::to_string(timeout.count()) + " ms"));
    }
}

}  // namespace

bool knows_plugin_setting(int server_version) {
    const int minor = server_version % 10000;
    switch (server_version / 10000) {
        case 14:
            return minor >= 24;
        case 15:
            return minor >= 19;
        case 16:
            return minor >= 15;
        case 17:
            return minor >= 11;
        case 18:
            return minor >= 6;
        default:
            return server_version >= 190000;
    }
}

std::vector<Finding> judge_server(const ServerFacts& facts, const config::Source& source,
                                  config::SnapshotMode) {
    std::vector<Finding> findings;
    judge_version(facts, findings);
    judge_wal(facts, findings);
    judge_plugin_setting(facts, findings);
    if (facts.may_replicate) {
        findings.push_back(fine("role " + quoted(facts.role) + " may replicate"));
    } else {
        findings.push_back({Severity::error, "role " + quoted(facts.role) + " has no REPLICATION attribute",
                            "ALTER ROLE " + quoted(facts.role) + " REPLICATION;"});
    }
    judge_connection(facts, source, findings);
    return findings;
}

std::vector<Finding> judge_capacity(const ServerFacts& facts, const std::optional<SlotState>& slot,
                                    config::SnapshotMode mode, bool kept_slot) {
    std::vector<Finding> findings;
    // The snapshot's temporary slot and its copy stand side by side for a moment.
    const bool alone = mode == config::SnapshotMode::never || mode == config::SnapshotMode::initial_only;
    // One that is replaced makes room for its successor.
    const bool anew = slot && (mode == config::SnapshotMode::always ||
                               (mode == config::SnapshotMode::when_needed && slot->lost()));
    const int needed_slots = anew ? 1 : slot ? 0 : alone || kept_slot ? 1 : 2;
    const int free_slots = facts.max_slots - facts.used_slots;
    const std::string slots =
        std::to_string(free_slots) + " of " + std::to_string(facts.max_slots) + " replication slots are free";
    if (free_slots < needed_slots) {
        findings.push_back(
            {Severity::error, slots + ", " + std::to_string(needed_slots) + " are needed",
             restart("max_replication_slots", std::to_string(facts.used_slots + needed_slots + 5))});
    } else {
        findings.push_back(fine(slots));
    }
    const int free_senders = facts.max_walsenders - facts.used_walsenders;
    const std::string senders = std::to_string(free_senders) + " of " + std::to_string(facts.max_walsenders) +
                                " WAL senders are free";
    if (free_senders < 1 && !(slot && slot->active)) {
        findings.push_back({Severity::error, senders,
                            restart("max_wal_senders", std::to_string(facts.used_walsenders + 6))});
    } else {
        findings.push_back(fine(senders));
    }
    if (facts.max_slot_wal_keep_mb < 0) {
        findings.push_back({Severity::ok,
                            "max_slot_wal_keep_size is unlimited: while the worker is away, its slot retains "
                            "WAL until the disk is full",
                            "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf();  -- "
                            "beyond it the slot is lost instead"});
    } else {
        findings.push_back(fine("max_slot_wal_keep_size is " + std::to_string(facts.max_slot_wal_keep_mb) +
                                " MB: a slot that falls further behind is lost"));
    }
    return findings;
}

std::vector<Finding> judge_extension(const ServerFacts& facts, config::SnapshotMode mode) {
    std::vector<Finding> findings;
    if (facts.extension_version.empty() && facts.extension_available.empty()) {
        findings.push_back({Severity::error, "cdc_envelope is not installed on the server's machine",
                            "on that machine: make install"});
        return findings;
    }
    if (facts.extension_version.empty()) {
        const bool needed = mode != config::SnapshotMode::never;
        findings.push_back({needed ? Severity::error : Severity::warning,
                            "the extension cdc_envelope is not in the database " + quoted(facts.database) +
                                (needed ? ": the snapshot needs it" : ": schema_version will be 0"),
                            "in that database: CREATE EXTENSION cdc_envelope;"});
        return findings;
    }
    findings.push_back(fine("extension cdc_envelope " + facts.extension_version));
    if (!facts.extension_available.empty() && facts.extension_available != facts.extension_version) {
        findings.push_back({Severity::warning,
                            "cdc_envelope " + facts.extension_available +
                                " is installed on the machine, the database still has " +
                                facts.extension_version,
                            "ALTER EXTENSION cdc_envelope UPDATE;"});
    }
    if (!facts.extension_usable) {
        const std::string role = quoted(facts.role);
        findings.push_back({Severity::error, "role " + role + " may not use the extension's schema",
                            "GRANT USAGE ON SCHEMA cdc_envelope TO " + role +
                                "; GRANT SELECT ON cdc_envelope.schema_history TO " + role + ";"});
    }
    for (const std::string& trigger : facts.disabled_triggers) {
        findings.push_back({Severity::warning,
                            "event trigger " + trigger +
                                " is disabled: DDL is not recorded, and rows written "
                                "after it carry schema_version 0",
                            "ALTER EVENT TRIGGER " + quoted(trigger) + " ENABLE ALWAYS;"});
    }
    return findings;
}

std::vector<Finding> judge_kept_slot(const std::optional<SlotState>& kept, bool slot, int reader,
                                     config::SnapshotMode mode) {
    if (!kept) return {};
    const std::string what = "replication slot \"" + kept->name + "\" ";
    if (reader != 0) {
        return {fine(what + "holds the place of the first snapshot, which process " + std::to_string(reader) +
                     " reads")};
    }
    const std::string mend = "to have no WAL retained for it meanwhile: SELECT pg_drop_replication_slot('" +
                             kept->name + "');  -- then the snapshot begins again";
    const bool anew = mode == config::SnapshotMode::always || mode == config::SnapshotMode::initial_only;
    if (slot || anew) {
        return {
            {Severity::ok, what + "is left of an interrupted first snapshot: the next start drops it", {}}};
    }
    if (kept->lost()) {
        return {{Severity::warning,
                 what + "of an interrupted first snapshot has been invalidated: the snapshot begins again",
                 {}}};
    }
    return {{Severity::ok,
             what +
                 "is that of an interrupted first snapshot, which goes on at the next start where every sink "
                 "has a part of it",
             mend}};
}

std::vector<Finding> judge_slot(const std::string& slot, const std::optional<SlotState>& state,
                                const std::string& database, config::SnapshotMode mode) {
    if (!state) return {fine("replication slot \"" + slot + "\" does not exist yet: the worker makes it")};
    const bool replaces = mode == config::SnapshotMode::always || mode == config::SnapshotMode::when_needed;
    const bool ours = state->plugin == plugin_name && state->database == database;
    if (state->lost() && ours && replaces) {
        return {{Severity::warning, "replication slot \"" + slot + "\" has been invalidated",
                 "the next start drops it and takes a new snapshot, as the pipeline's snapshot mode says"}};
    }
    if (const Status usable = check_usable(slot, state, database); !usable.ok()) {
        return {{Severity::error, usable.message(), usable.hint()}};
    }
    if (state->active) {
        return {
            {Severity::warning,
             "replication slot \"" + slot + "\" is in use by process " + std::to_string(state->active_pid),
             "stop the other worker; if it is dead: SELECT pg_terminate_backend(" +
                 std::to_string(state->active_pid) + ");"}};
    }
    return {fine("replication slot \"" + slot + "\" stands at " + state->confirmed_flush_lsn.to_string())};
}

}  // namespace cdc::source
