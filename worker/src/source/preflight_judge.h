// The judgements of the preflight, apart from the queries: what the facts mean and what mends them. Owner:
// preflight.cpp. Thread: pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "source/captured_tables.h"
#include "source/preflight.h"
#include "source/slot.h"

namespace cdc::source {

// What one query (and the connection) says about the server, the role and the database.
struct ServerFacts {
    int version = 0;  // PQserverVersion
    std::string role;
    std::string database;
    bool may_replicate = false;  // REPLICATION or superuser
    std::string wal_level;
    bool standby = false;
    // Nothing where the server has no such setting, or does not show it to the role (knows_plugin_setting).
    std::optional<std::string> output_plugin_libraries;
    int max_slots = 0;
    int used_slots = 0;
    int max_walsenders = 0;
    int used_walsenders = 0;
    std::chrono::milliseconds wal_sender_timeout{0};  // 0: none
    std::int64_t max_slot_wal_keep_mb = -1;           // -1: unlimited
    bool encrypted = false;
    bool local = false;               // a unix socket
    std::string extension_version;    // empty where it is not installed in the database
    std::string extension_available;  // the version that CREATE EXTENSION would install; empty where none
    bool extension_usable = false;    // USAGE on its schema, EXECUTE on encode, SELECT on schema_history
    std::vector<std::string> disabled_triggers;  // of the extension's event triggers
};

// Whether this release has output_plugin_libraries: since the minors of August 2026.
bool knows_plugin_setting(int server_version);

std::vector<Finding> judge_server(const ServerFacts& facts, const config::Source& source,
                                  config::SnapshotMode mode);
std::vector<Finding> judge_capacity(const ServerFacts& facts, const std::optional<SlotState>& slot,
                                    config::SnapshotMode mode, bool kept_slot = false);
std::vector<Finding> judge_extension(const ServerFacts& facts, config::SnapshotMode mode);
std::vector<Finding> judge_slot(const std::string& slot, const std::optional<SlotState>& state,
                                const std::string& database, config::SnapshotMode mode);
// Of the slot that a first snapshot keeps (kept_slot_name), where there is one. slot: whether the pipeline's
// own stands; reader: the process that reads the snapshot, 0 where it was interrupted.
std::vector<Finding> judge_kept_slot(const std::optional<SlotState>& kept, bool slot, int reader,
                                     config::SnapshotMode mode);
std::vector<Finding> judge_tables(const std::vector<CapturedTable>& tables, const std::string& role,
                                  config::SnapshotMode mode);

}  // namespace cdc::source
