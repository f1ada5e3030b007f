#include "source/snapshot_requests.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/number.h"
#include "incremental/chunk_window.h"

namespace cdc::source {
namespace {

using incremental::json_string;

// "cdce": the first half of the advisory lock's key; the second is the slot's name, hashed.
constexpr const char* lock_class = "1667523429";

// [[…],…], one for each
template <typename Each>
std::string json_rows(const std::vector<Each>& all, const auto& members) {
    std::string text = "[";
    for (const Each& each : all)
        text += (text.size() > 1 ? ",[" : "[") + members(each) + "]";
    return text + "]";
}

// $1 the slot, $2 the tables
const char* const stop_others_sql =
    "UPDATE cdc_envelope.snapshot_signal s SET state = 'stopped', updated_at = clock_timestamp(), message = "
    "'a later snapshot does not read the table' WHERE slot_name = $1 AND state = 'reading' AND NOT EXISTS "
    "(SELECT FROM jsonb_array_elements($2::jsonb) t WHERE t->>0 = s.schema_name AND t->>1 = s.table_name)";

const char* const insert_sql =
    "INSERT INTO cdc_envelope.snapshot_signal (slot_name, schema_name, table_name, chunk_rows, state) SELECT "
    "$1, t->>0, t->>1, $3::integer, 'reading' FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS e(t, "
    "n) "
    "WHERE NOT EXISTS (SELECT FROM cdc_envelope.snapshot_signal s WHERE s.slot_name = $1 AND s.schema_name = "
    "t->>0 AND s.table_name = t->>1 AND s.state = 'reading') ORDER BY n";

const char* const begin_sql =
    "UPDATE cdc_envelope.snapshot_signal SET started_at = NULL, updated_at = clock_timestamp(), rows_read = "
    "0, bytes_read = 0, chunks = 0, pages = NULL, pages_read = 0, delivered = NULL, message = 'read by the "
    "first snapshot, at the slot''s point' WHERE slot_name = $1 AND state = 'reading'";

// Of t, as figures() writes it. A table's time ends when its last row is read.
const char* const set_figures_sql =
    "rows_read = (t->>1)::bigint, bytes_read = (t->>2)::bigint, chunks = (t->>3)::bigint, pages = "
    "(t->>4)::bigint, pages_read = (t->>5)::bigint, estimated_rows = (t->>6)::bigint, started_at = "
    "clock_timestamp() - make_interval(secs => (t->>7)::float8), updated_at = clock_timestamp() - "
    "make_interval(secs => (t->>7)::float8 - (t->>8)::float8)";

// Numbers alone: nothing to escape.
std::string figures(const std::vector<ReadTable>& tables) {
    return json_rows(tables, [](const ReadTable& table) {
        const SnapshotPlan::Part& part = table.part;
        return fmt::format("{},{},{},{},{},{},{},{:.3f},{:.3f}", table.id, part.rows, part.bytes, part.ranges,
                           part.pages, part.pages_done, table.estimated_rows, part.age.count(),
                           part.reading.count());
    });
}

}  // namespace

Result<std::vector<ReadingRequest>> reading_requests(pq::Connection& sql, const std::string& slot) {
    auto rows = sql.query(
        "SELECT id, schema_name, table_name FROM cdc_envelope.snapshot_signal WHERE slot_name = $1 AND state "
        "= 'reading' ORDER BY id",
        {slot.c_str()});
    if (!rows.ok()) return rows.status();
    std::vector<ReadingRequest> requests;
    for (int row = 0; row < rows->count(); ++row)
        requests.push_back({leading_number<std::int64_t>(rows->text(row, 0)), std::string(rows->text(row, 1)),
                            std::string(rows->text(row, 2))});
    return requests;
}

Result<std::vector<std::int64_t>> request_reading(pq::Connection& sql, const std::string& slot,
                                                  const std::vector<CapturedTable>& tables,
                                                  std::int64_t chunk_rows) {
    const std::string names = json_rows(tables, [](const CapturedTable& table) {
        return json_string(table.schema) + "," + json_string(table.table);
    });
    const std::string rows = std::to_string(chunk_rows);
    CDC_RETURN_IF_ERROR(sql.query(stop_others_sql, {slot.c_str(), names.c_str()}).status());
    CDC_RETURN_IF_ERROR(sql.query(insert_sql, {slot.c_str(), names.c_str(), rows.c_str()}).status());
    CDC_RETURN_IF_ERROR(sql.query(begin_sql, {slot.c_str()}).status());
    const auto made = reading_requests(sql, slot);
    if (!made.ok()) return made.status();
    std::map<std::pair<std::string, std::string>, std::int64_t> ids;
    for (const ReadingRequest& request : *made)
        ids.insert_or_assign({request.schema, request.table}, request.id);
    std::vector<std::int64_t> in_order;
    for (const CapturedTable& table : tables)
        in_order.push_back(ids[{table.schema, table.table}]);
    return in_order;
}

Status report_reading(pq::Connection& sql, const std::vector<ReadTable>& tables, const StopCheck& stop) {
    if (tables.empty()) return {};
    return query_interruptible(sql,
                               std::string("UPDATE cdc_envelope.snapshot_signal SET ") + set_figures_sql +
                                   " FROM jsonb_array_elements('" + figures(tables) +
                                   "'::jsonb) t WHERE id = (t->>0)::bigint AND state = 'reading'",
                               stop)
        .status();
}

Status end_reading(pq::Connection& sql, const std::vector<ReadTable>& tables) {
    const std::string values = figures(tables);
    const std::string update =
        std::string("UPDATE cdc_envelope.snapshot_signal SET state = 'done', message = NULL, ") +
        set_figures_sql +
        " FROM jsonb_array_elements($1::jsonb) t WHERE id = (t->>0)::bigint AND state = 'reading' RETURNING "
        "id";
    auto ended = sql.query(update, {values.c_str()});
    if (!ended.ok()) return ended.status();
    if (static_cast<std::size_t>(ended->count()) == tables.size()) return {};
    return Status::retry("the first snapshot's requests in cdc_envelope.snapshot_signal have been changed");
}

Status stop_reading(pq::Connection& sql, const std::string& slot, const std::string& message) {
    return sql
        .query(
            "UPDATE cdc_envelope.snapshot_signal SET state = 'stopped', updated_at = clock_timestamp(), "
            "message = $2 WHERE slot_name = $1 AND state = 'reading'",
            {slot.c_str(), message.c_str()})
        .status();
}

// A run counts from nothing; of what is done the figures stay, as they were last reported.
Status leave_to_runs(pq::Connection& sql, const std::vector<RunInstead>& requests) {
    const std::string values = json_rows(requests, [](const RunInstead& request) {
        return std::to_string(request.id) + (request.done ? ",true," : ",false,") +
               json_string(request.delivered);
    });
    return sql
        .query(
            "UPDATE cdc_envelope.snapshot_signal s SET state = CASE WHEN d THEN 'done' ELSE 'requested' END, "
            "delivered = nullif(t->>2, ''), message = CASE WHEN d THEN 'read by the first snapshot, which "
            "was "
            "interrupted; as last reported' END, updated_at = CASE WHEN d AND s.started_at IS NOT NULL THEN "
            "s.updated_at ELSE clock_timestamp() END, started_at = CASE WHEN d THEN s.started_at END, "
            "rows_read = CASE WHEN d THEN s.rows_read ELSE 0 END, bytes_read = CASE WHEN d THEN s.bytes_read "
            "ELSE 0 END, chunks = CASE WHEN d THEN s.chunks ELSE 0 END, pages = NULL, pages_read = 0 FROM "
            "jsonb_array_elements($1::jsonb) t, LATERAL (SELECT (t->>1)::boolean AS d) e WHERE s.id = "
            "(t->>0)::bigint AND s.state = 'reading'",
            {values.c_str()})
        .status();
}

Result<bool> lock_snapshot(pq::Connection& sql, const std::string& slot) {
    const std::string lock =
        std::string("SELECT pg_try_advisory_lock(") + lock_class + ", hashtext($1::text))";
    auto locked = sql.query(lock.c_str(), {slot.c_str()});
    if (!locked.ok()) return locked.status();
    return locked->text(0, 0) == "t";
}

Result<int> snapshot_holder(pq::Connection& sql, const std::string& slot) {
    const std::string holder =
        std::string(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND database "
            "= (SELECT oid FROM pg_database WHERE datname = current_database()) AND classid::bigint = ") +
        lock_class + " AND objid::bigint = hashtext($1::text)::bigint & 4294967295";
    auto rows = sql.query(holder.c_str(), {slot.c_str()});
    if (!rows.ok()) return rows.status();
    return rows->count() == 0 ? 0 : leading_number<int>(rows->text(0, 0));
}

}  // namespace cdc::source
