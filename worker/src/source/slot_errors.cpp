#include "source/slot_errors.h"

#include <string_view>

namespace cdc::source {

const char* const allow_plugin_sql =
    "ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, cdc_envelope; SELECT "
    "pg_reload_conf();";

namespace {

std::string drop_sql(const std::string& slot) {
    return "SELECT pg_drop_replication_slot('" + slot + "');";
}

std::string_view field(const PGresult* result, int code) {
    const char* value = result == nullptr ? nullptr : PQresultErrorField(result, code);
    return value == nullptr ? std::string_view{} : value;
}

std::string hint_for(std::string_view sqlstate, std::string_view server_hint) {
    // The name of a setting is never translated, the message around it is.
    if (sqlstate == "42501" && server_hint.find("output_plugin_libraries") != std::string_view::npos) {
        return std::string(
                   "the value replaces the default, so it lists all that may be used, each name "
                   "without quotes around the whole: ") +
               allow_plugin_sql;
    }
    if (sqlstate == "42501") return "ALTER ROLE <role> REPLICATION";
    if (sqlstate == "58P01") {
        return std::string(
                   "install the plugin on the server's machine, for the server's major version "
                   "(\"make install\"): its library is ") +
               plugin_name;
    }
    if (sqlstate == "53400")
        return "raise max_replication_slots (needs a restart), or drop a slot not in use";
    return std::string(server_hint);
}

}  // namespace

Status check_usable(const std::string& slot, const std::optional<SlotState>& state,
                    const std::string& database) {
    const std::string name = "replication slot \"" + slot + "\"";
    if (!state) {
        return Status::fatal(name + " does not exist",
                             "the changes since it was dropped can't be had any more: begin again with a "
                             "snapshot (docs/operations.md)");
    }
    if (state->plugin != plugin_name) {
        return Status::fatal(
            name + " was made with the output plugin \"" + state->plugin + "\", not \"" + plugin_name + "\"",
            "choose another slot name, or drop it if nobody needs it: " + drop_sql(slot));
    }
    if (state->database != database) {
        return Status::fatal(
            name + " belongs to the database \"" + state->database + "\", not \"" + database + "\"",
            "choose another slot name (slots are named per server, not per database), or dbname=" +
                state->database);
    }
    if (state->lost()) {
        const std::string why = state->invalidation_reason.empty() ? "" : ", " + state->invalidation_reason;
        return Status::fatal(name + " has been invalidated (wal_status " + state->wal_status + why + ")",
                             "the WAL it needs is gone: drop it and begin again with a snapshot, which "
                             "slot.on_missing: resnapshot does by itself; a larger max_slot_wal_keep_size "
                             "keeps it longer. " +
                                 drop_sql(slot));
    }
    if (state->temporary) {
        return Status::fatal(name + " is a temporary slot of process " + std::to_string(state->active_pid),
                             "choose another slot name");
    }
    return {};
}

Status slot_error(const pq::Connection& connection, const PGresult* result, const std::string& where,
                  const std::string& slot) {
    const std::string_view state = field(result, PG_DIAG_SQLSTATE);
    const Status status = connection.error(where, result);
    if (state == "55006") {  // object_in_use: the message names the process
        return Status::retry(status.message(),
                             "another worker, or the remains of one, holds the slot; it is "
                             "free again after wal_sender_timeout at the latest");
    }
    if (status.code() == StatusCode::retry) return status;
    std::string hint = hint_for(state, field(result, PG_DIAG_MESSAGE_HINT));
    if (hint.empty() && state == "42704") return check_usable(slot, std::nullopt, {});
    return Status::fatal(status.message(), std::move(hint));
}

}  // namespace cdc::source
