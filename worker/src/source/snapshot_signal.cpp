#include "source/snapshot_signal.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/number.h"

namespace cdc::source {
namespace {

const char* const open_states = "('requested', 'running', 'paused')";

std::int64_t number(std::string_view text) {
    return leading_number<std::int64_t>(text);
}

// Where pages are read, they tell it better than the planner's guess.
std::int64_t rows_expected(const SnapshotSignal& signal) {
    if (signal.pages_read <= 0 || signal.pages <= 0) return signal.estimated_rows;
    const double share = static_cast<double>(signal.pages_read) / static_cast<double>(signal.pages);
    return std::max(signal.passed(), static_cast<std::int64_t>(static_cast<double>(signal.passed()) / share));
}

Result<int> affected(Result<pq::Rows> rows) {
    if (!rows.ok()) return rows.status();
    return rows->count();
}

}  // namespace

Result<bool> has_snapshot_signals(pq::Connection& sql) {
    auto rows = sql.query(
        "SELECT coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND "
        "has_table_privilege(c.oid, 'UPDATE') AND NOT pg_is_in_recovery(), false) FROM pg_namespace n JOIN "
        "pg_class c ON c.relnamespace "
        "= "
        "n.oid WHERE n.nspname = 'cdc_envelope' AND c.relname = 'snapshot_signal'");
    if (!rows.ok()) return rows.status();
    return rows->count() == 1 && rows->text(0, 0) == "t";
}

Result<std::vector<SnapshotSignal>> snapshot_signals(pq::Connection& sql, const std::string& slot,
                                                     bool ended_too) {
    const std::string open = std::string(" AND state IN ") + open_states;
    auto rows = sql.query(
        "SELECT id, schema_name, table_name, coalesce(condition, ''), wanted, state, coalesce(run_id, ''), "
        "rows_read, rows_left_out, bytes_read, chunks, coalesce(estimated_rows, 0), coalesce(extract(epoch "
        "FROM CASE WHEN state IN ('running', 'paused') THEN now() ELSE updated_at END - started_at), 0), "
        "coalesce(message, "
        "''), chunk_rows, coalesce(delivered, ''), coalesce(pages, 0), pages_read FROM "
        "cdc_envelope.snapshot_signal WHERE slot_name = $1" +
            (ended_too ? std::string() : open) + " ORDER BY id",
        {slot.c_str()});
    if (!rows.ok()) return rows.status();
    std::vector<SnapshotSignal> signals;
    for (int row = 0; row < rows->count(); ++row) {
        const auto text = [&](int column) { return std::string(rows->text(row, column)); };
        signals.push_back({number(text(0)), text(1), text(2), text(3), text(4), text(5), text(6),
                           number(text(7)), number(text(8)), number(text(9)), number(text(10)),
                           number(text(11)), number(text(14)), std::stod(text(12)), text(13), text(15),
                           number(text(16)), number(text(17))});
    }
    return signals;
}

std::optional<int> percent_of(const SnapshotSignal& signal) {
    if (signal.pages_read > 0 && signal.pages > 0)
        return static_cast<int>(std::min<std::int64_t>(100, signal.pages_read * 100 / signal.pages));
    const bool in_part = !signal.condition.empty() || !signal.delivered.empty();
    if (signal.estimated_rows <= 0 || in_part) return std::nullopt;
    return static_cast<int>(std::min<std::int64_t>(100, signal.passed() * 100 / signal.estimated_rows));
}

std::string progress_text(const SnapshotSignal& signal, double rate) {
    constexpr double mebibyte = 1 << 20;
    const bool reading = signal.state == "reading";
    const bool running = reading || signal.state == "running";
    const std::optional<int> percent = running ? percent_of(signal) : std::nullopt;
    std::string text = fmt::format("{} rows", signal.rows);
    const std::int64_t expected = rows_expected(signal);
    if (percent) text += fmt::format(" of about {} ({} %)", expected, *percent);
    text +=
        fmt::format(" in {} chunks, {:.1f} MiB", signal.chunks, static_cast<double>(signal.bytes) / mebibyte);
    if (!reading) text += fmt::format(", {} left out as newer ones had come", signal.left_out);
    if (rate <= 0) return text;
    text += fmt::format(", {:.0f} rows/s", rate);
    const std::int64_t left = expected - signal.passed();
    if (percent && left > 0) text += fmt::format(", about {:.0f} s left", static_cast<double>(left) / rate);
    return text;
}

Result<std::optional<std::string>> wanted_of(pq::Connection& sql, std::int64_t id) {
    const std::string text = std::to_string(id);
    auto rows =
        sql.query("SELECT wanted FROM cdc_envelope.snapshot_signal WHERE id = $1::bigint", {text.c_str()});
    if (!rows.ok()) return rows.status();
    if (rows->count() == 0) return std::optional<std::string>();
    return std::optional(std::string(rows->text(0, 0)));
}

Status report(pq::Connection& sql, const SnapshotSignal& signal) {
    const std::string id = std::to_string(signal.id), rows = std::to_string(signal.rows),
                      left_out = std::to_string(signal.left_out), chunks = std::to_string(signal.chunks),
                      estimated = std::to_string(signal.estimated_rows), bytes = std::to_string(signal.bytes);
    return sql
        .query(
            "UPDATE cdc_envelope.snapshot_signal SET state = $2, run_id = nullif($3, ''), rows_read = "
            "$4::bigint, rows_left_out = $5::bigint, chunks = $6::bigint, estimated_rows = $7::bigint, "
            "message = nullif($8, ''), bytes_read = $9::bigint, started_at = coalesce(started_at, "
            "clock_timestamp()), updated_at = clock_timestamp() WHERE id = $1::bigint",
            {id.c_str(), signal.state.c_str(), signal.run_id.c_str(), rows.c_str(), left_out.c_str(),
             chunks.c_str(), estimated.c_str(), signal.message.c_str(), bytes.c_str()})
        .status();
}

Status nudge(pq::Connection& sql, std::int64_t id) {
    const std::string text = std::to_string(id);
    return sql
        .query("UPDATE cdc_envelope.snapshot_signal SET updated_at = clock_timestamp() WHERE id = $1::bigint",
               {text.c_str()})
        .status();
}

Result<int> request_snapshot(pq::Connection& sql, const std::string& slot, const std::string& schema,
                             const std::string& table, const std::string& condition) {
    return affected(
        sql.query("INSERT INTO cdc_envelope.snapshot_signal (slot_name, schema_name, table_name, condition) "
                  "VALUES ($1, "
                  "$2, $3, nullif($4, '')) RETURNING id",
                  {slot.c_str(), schema.c_str(), table.c_str(), condition.c_str()}));
}

Status request_whole_table(pq::Connection& sql, const std::string& slot, const std::string& schema,
                           const std::string& table, std::int64_t chunk_rows) {
    const std::string rows = std::to_string(chunk_rows);
    const auto whole = sql.query(
        "UPDATE cdc_envelope.snapshot_signal SET delivered = NULL WHERE slot_name = $1 AND schema_name = $2 "
        "AND table_name = $3 AND delivered IS NOT NULL AND state IN " +
            std::string(open_states),
        {slot.c_str(), schema.c_str(), table.c_str()});
    if (!whole.ok()) return whole.status();
    return sql
        .query(
            "INSERT INTO cdc_envelope.snapshot_signal (slot_name, schema_name, table_name, chunk_rows) "
            "SELECT $1, $2, $3, $4::integer WHERE NOT EXISTS (SELECT FROM cdc_envelope.snapshot_signal "
            "WHERE slot_name = $1 AND schema_name = $2 AND table_name = $3 AND condition IS NULL AND wanted "
            "<> 'stop' AND state IN " +
                std::string(open_states) + ")",
            {slot.c_str(), schema.c_str(), table.c_str(), rows.c_str()})
        .status();
}

Status check_may_request(pq::Connection& sql, const std::string& option) {
    auto rows = sql.query(
        "SELECT c.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'USAGE') AND "
        "has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND "
        "has_table_privilege(c.oid, 'UPDATE'), false), quote_ident(current_user), pg_is_in_recovery() FROM "
        "(VALUES "
        "('cdc_envelope')) AS v(name) LEFT JOIN pg_namespace n ON n.nspname = v.name LEFT JOIN pg_class c ON "
        "c.relnamespace = n.oid AND c.relname = 'snapshot_signal'");
    if (!rows.ok()) return rows.status().in(option);
    if (rows->text(0, 3) == "t") {
        return Status::fatal(option + ": the source is a standby, where no request can be stored",
                             "take the first snapshot from the primary, or without the option");
    }
    if (rows->text(0, 1) == "t") return {};
    if (rows->text(0, 0) != "t") {
        return Status::fatal(option + ": there is no table cdc_envelope.snapshot_signal",
                             "CREATE EXTENSION cdc_envelope, or ALTER EXTENSION cdc_envelope UPDATE");
    }
    const std::string role(rows->text(0, 2));
    return Status::fatal(
        option + ": the role " + role + " may not read and write cdc_envelope.snapshot_signal",
        "GRANT USAGE ON SCHEMA cdc_envelope TO " + role +
            "; GRANT SELECT, INSERT, UPDATE ON cdc_envelope.snapshot_signal TO " + role);
}

Result<int> want(pq::Connection& sql, const std::string& slot, const std::string& wanted,
                 const std::string& schema, const std::string& table) {
    return affected(
        sql.query("UPDATE cdc_envelope.snapshot_signal SET wanted = $2 WHERE slot_name = $1 AND ($3 = '' OR "
                  "schema_name = $3 AND table_name = $4) AND state IN " +
                      std::string(open_states) + " RETURNING id",
                  {slot.c_str(), wanted.c_str(), schema.c_str(), table.c_str()}));
}

}  // namespace cdc::source
