#include "source/snapshot.h"

#include <poll.h>

#include <algorithm>

#include "base/log.h"
#include "source/plugin_options.h"

namespace cdc::source {
namespace {

Result<std::string> sql_array(const pq::Connection& connection, const std::vector<std::string>& values) {
    std::string array = "ARRAY[";
    for (const std::string& value : values) {
        auto literal = connection.quote_literal(value);
        CDC_RETURN_IF_ERROR(literal.status());
        if (array.back() != '[') array += ", ";
        array += *literal;
    }
    return array + "]::text[]";
}

std::string sqlstate_of(const PGresult* result) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state == nullptr ? "" : state;
}

void append_row(SnapshotChunk& chunk, std::string_view row) {
    if (chunk.rows++ > 0) chunk.bytes += '\n';
    chunk.bytes += row;
}

const char* const encode_name = "cdc_envelope.encode";

// What encode() would otherwise set and put back for each row that has a type it needs the output function of
// (plugin/settings.cpp).
const char* const encoder_settings_sql =
    "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'; SET LOCAL intervalstyle = 'iso_8601'; "
    "SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C'; "
    "SET LOCAL xmlbinary = 'base64'; SET LOCAL search_path = pg_catalog; SET LOCAL quote_all_identifiers = "
    "off";

Status check_extension(pq::Connection& connection) {
    auto rows = connection.query(
        "SELECT n.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'USAGE'), false), "
        "current_database(), "
        "current_user FROM (VALUES ('cdc_envelope')) AS v(name) LEFT JOIN pg_namespace n ON n.nspname = "
        "v.name "
        "AND EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proname = 'encode')");
    if (!rows.ok()) return rows.status().in("snapshot");
    const std::string database(rows->text(0, 2));
    if (rows->text(0, 0) != "t") {
        return Status::fatal("the extension cdc_envelope is not installed in the database \"" + database +
                                 "\": the snapshot needs its function " + encode_name,
                             "as a superuser in that database: CREATE EXTENSION cdc_envelope");
    }
    if (rows->text(0, 1) != "t") {
        return Status::fatal(
            std::string("the role \"") + std::string(rows->text(0, 3)) +
                "\" may not use the schema cdc_envelope",
            "GRANT USAGE ON SCHEMA cdc_envelope TO \"" + std::string(rows->text(0, 3)) + '"');
    }
    return {};
}

}  // namespace

Result<SnapshotReader> SnapshotReader::open(const std::string& dsn, const std::string& application_name,
                                            const config::Source& source, const std::string& snapshot_name,
                                            Lsn consistent_point, StopCheck stop) {
    auto connection = open_source_connection(dsn, application_name, pq::Mode::sql);
    if (!connection.ok()) return connection.status().in("snapshot");
    SnapshotReader reader(std::move(*connection), std::move(stop));
    CDC_RETURN_IF_ERROR(reader.prepare(source, snapshot_name, consistent_point));
    return reader;
}

Status SnapshotReader::prepare(const config::Source& source, const std::string& snapshot_name,
                               Lsn consistent_point) {
    auto snapshot = connection_.quote_literal(snapshot_name);
    CDC_RETURN_IF_ERROR(snapshot.status());
    CDC_RETURN_IF_ERROR(
        connection_.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").in("snapshot"));
    if (const Status imported = connection_.execute("SET TRANSACTION SNAPSHOT " + *snapshot);
        !imported.ok()) {
        // It is gone with the connection that exported it: nothing is wrong with the request.
        return Status::retry("snapshot: " + imported.message());
    }
    // Decoding knows no row security, so the snapshot must not be filtered by it without a word; and
    // compiling one function call just in time costs more than it gives.
    CDC_RETURN_IF_ERROR(
        connection_.execute("SET LOCAL row_security = off; SET LOCAL jit = off").in("snapshot"));
    CDC_RETURN_IF_ERROR(connection_.execute(encoder_settings_sql).in("snapshot"));
    CDC_RETURN_IF_ERROR(check_extension(connection_));
    auto time = connection_.query(
        "SELECT to_char(transaction_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    if (!time.ok()) return time.status().in("snapshot");
    snapshot_time_ = time->text(0, 0);
    auto options = sql_array(connection_, encode_options(source));
    CDC_RETURN_IF_ERROR(options.status());
    encode_arguments_ = "'r', '" + consistent_point.to_string() + "'::pg_lsn, '" + snapshot_time_ +
                        "'::timestamptz, " + *options;
    auto tables = captured_tables(connection_, source);
    CDC_RETURN_IF_ERROR(tables.status().in("snapshot"));
    for (CapturedTable& table : *tables) {
        if (table.unlogged) {
            log_warning("snapshot: table {} is unlogged: its changes are not in the WAL, so it is left out",
                        display_name(table));
        } else {
            tables_.push_back(std::move(table));
        }
    }
    return {};
}

// Locks the table for as long as it is read and makes sure that it still is what the snapshot shows. A
// rewrite since then (ALTER TABLE … TYPE) would leave the snapshot an empty table, as rewriting is not
// MVCC-safe (PostgreSQL docs, "Caveats" of MVCC), and decoding does not carry it either. False where the
// table has been dropped: there is nothing left to read, and the stream tells of it.
Result<bool> SnapshotReader::lock_table(const std::string& name) {
    const CapturedTable& table = tables_[at_];
    const std::string oid = std::to_string(table.oid);
    std::string refused;
    const auto locked = query_interruptible(
        connection_, "SAVEPOINT table_read; LOCK TABLE ONLY " + name + " IN ACCESS SHARE MODE", stop_, {},
        [&](const PGresult* result) {
            refused = sqlstate_of(result);
            return table_error(connection_.error("", result), refused);
        });
    if (!locked.ok()) {
        if (refused != "42P01") return locked.status();
        CDC_RETURN_IF_ERROR(connection_.execute("ROLLBACK TO SAVEPOINT table_read").in("snapshot"));
    }
    // pg_class is read under the snapshot, regclass and pg_relation_filenode as things are now.
    auto state = connection_.query(
        "SELECT " + oid + "::regclass::text = '" + oid + "', to_regclass($1) = " + oid +
            "::oid AND relfilenode = pg_relation_filenode(" + oid + ") FROM pg_class WHERE oid = " + oid,
        {name.c_str()});
    if (!state.ok()) return table_error(state.status(), connection_.last_sqlstate());
    if (state->count() == 1 && state->text(0, 1) == "t") return true;
    if (state->count() == 1 && state->text(0, 0) == "t") {
        log_warning("snapshot: table {} has been dropped since the snapshot was taken; its rows are left out",
                    display_name(table));
        return false;
    }
    return Status::retry("snapshot: table " + display_name(table) +
                             " has been rewritten or renamed since the snapshot was taken",
                         "the snapshot is taken again; avoid DDL while it runs");
}

Status SnapshotReader::begin_table() {
    auto name = quoted_name(connection_, tables_[at_].schema, tables_[at_].table);
    CDC_RETURN_IF_ERROR(name.status());
    auto there = lock_table(*name);
    CDC_RETURN_IF_ERROR(there.status());
    if (!*there) {
        ++at_;
        return {};
    }
    // "row".* is the whole row even where a column is called "row".
    const std::string& filter = tables_[at_].row_filter;
    const std::string copy = std::string("COPY (SELECT ") + encode_name + "(\"row\".*, " + encode_arguments_ +
                             ") FROM ONLY " + *name + " AS \"row\"" +
                             (filter.empty() ? "" : " WHERE " + filter) + ") TO STDOUT (FORMAT binary)";
    const std::unique_ptr<PGresult, pq::ResultDeleter> result(PQexec(connection_.native(), copy.c_str()));
    if (PQresultStatus(result.get()) != PGRES_COPY_OUT) {
        return table_error(connection_.error("", result.get()), sqlstate_of(result.get()));
    }
    copying_ = true;
    rows_ = {};
    return {};
}

Status SnapshotReader::table_error(const Status& status, std::string_view sqlstate) const {
    const std::string where = "snapshot of table " + display_name(tables_[at_]);
    if (status.code() != StatusCode::fatal) return status.in(where);
    std::string hint = status.hint();
    if (sqlstate == "42501") {  // insufficient_privilege; also row_security = off where a policy applies
        const std::string role = PQuser(connection_.native());
        auto name = quoted_name(connection_, tables_[at_].schema, tables_[at_].table);
        hint = "GRANT SELECT ON TABLE " + (name.ok() ? *name : "…") + " TO \"" + role +
               "\"; where the table has row security: ALTER ROLE \"" + role + "\" BYPASSRLS";
    } else if (sqlstate == "42883") {
        hint = "the extension is of another version: ALTER EXTENSION cdc_envelope UPDATE";
    }
    return Status::fatal(where + ": " + status.message(), std::move(hint));
}

// Waits for the next CopyData message; false where the COPY is over.
Result<bool> SnapshotReader::receive() {
    PGconn* native = connection_.native();
    for (;;) {
        char* raw = nullptr;
        const int bytes = PQgetCopyData(native, &raw, 1);
        if (bytes > 0) {
            message_.reset(raw);
            rows_.feed({raw, static_cast<std::size_t>(bytes)});
            return true;
        }
        if (bytes < 0) return false;
        if (stop_ && stop_()) return Status::retry("snapshot: stopped");
        pollfd entry{PQsocket(native), POLLIN, 0};
        poll(&entry, 1, wait_step_ms);
        if (PQconsumeInput(native) == 0) return table_error(connection_.error(""), {});
    }
}

Status SnapshotReader::end_table() {
    copying_ = false;
    const std::unique_ptr<PGresult, pq::ResultDeleter> result(PQgetResult(connection_.native()));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
        return table_error(connection_.error("", result.get()), sqlstate_of(result.get()));
    }
    while (PGresult* rest = PQgetResult(connection_.native()))
        PQclear(rest);
    CDC_RETURN_IF_ERROR(rows_.finish());
    message_.reset();
    ++at_;
    // Gives the table's lock back: DDL waits for one table, not for the whole snapshot.
    return connection_.execute("ROLLBACK TO SAVEPOINT table_read").in("snapshot");
}

// Appends rows of the present table until the chunk is full; the row that does not fit is carried over, so
// that the last chunk of a table is known to be the last. True where the table is at its end.
Result<bool> SnapshotReader::fill(SnapshotChunk& chunk, std::size_t max_bytes) {
    if (carried_) append_row(chunk, *std::exchange(carried_, std::nullopt));
    for (;;) {
        auto row = rows_.next();
        CDC_RETURN_IF_ERROR(row.status());
        if (!row->has_value()) {
            auto more = receive();
            CDC_RETURN_IF_ERROR(more.status());
            if (*more) continue;
            CDC_RETURN_IF_ERROR(end_table());
            return true;
        }
        if (chunk.rows > 0 && chunk.bytes.size() + 1 + (*row)->size() > max_bytes) {
            carried_ = std::string(**row);
            return false;
        }
        append_row(chunk, **row);
    }
}

Result<std::optional<SnapshotChunk>> SnapshotReader::next(std::size_t max_bytes) {
    while (at_ < tables_.size()) {
        if (!copying_) {
            CDC_RETURN_IF_ERROR(begin_table());
            if (!copying_) continue;
        }
        SnapshotChunk chunk;
        chunk.table = at_;
        chunk.bytes.reserve(max_bytes);
        auto ended = fill(chunk, max_bytes);
        CDC_RETURN_IF_ERROR(ended.status());
        chunk.last_of_table = *ended;
        if (chunk.bytes.size() < max_bytes / 2) chunk.bytes.shrink_to_fit();
        if (chunk.rows > 0) return std::optional<SnapshotChunk>(std::move(chunk));
    }
    return std::optional<SnapshotChunk>{};
}

}  // namespace cdc::source
