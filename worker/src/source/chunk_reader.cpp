#include "source/chunk_reader.h"

#include <poll.h>

#include <utility>
#include <vector>

#include "source/plugin_options.h"

namespace cdc::source {
namespace {

const char* const encode_name = "cdc_envelope.encode";

// Decoding knows no row security, so nothing may be filtered by it without a word; compiling one function
// call just in time costs more than it gives; a scan that begins where another one is (synchronize_seqscans)
// or goes on in several processes would give the rows in another order each time. The rest is what encode()
// would otherwise set and put back for each row that has a type it needs the output function of
// (plugin/settings.cpp).
const char* const settings_sql =
    "SET LOCAL row_security = off; SET LOCAL jit = off; SET LOCAL synchronize_seqscans = off; "
    "SET LOCAL max_parallel_workers_per_gather = 0; "
    "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'; SET LOCAL intervalstyle = 'iso_8601'; "
    "SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C'; "
    "SET LOCAL xmlbinary = 'base64'; SET LOCAL search_path = pg_catalog; "
    "SET LOCAL quote_all_identifiers = off";

std::string sqlstate_of(const PGresult* result) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state == nullptr ? "" : state;
}

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

void append_row(RowBatch& batch, std::string_view row) {
    if (batch.rows++ > 0) batch.bytes += '\n';
    batch.bytes += row;
}

// A comment at the end of a condition must not reach further than the condition.
void add_condition(std::string& where, const std::string& condition) {
    if (condition.empty()) return;
    where += (where.empty() ? " WHERE (" : " AND (") + condition + "\n)";
}

}  // namespace

Status prepare_to_read(pq::Connection& connection) {
    return connection.execute(settings_sql);
}

Status check_extension(pq::Connection& connection) {
    auto rows = connection.query(
        "SELECT n.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'USAGE'), false), "
        "current_database(), current_user FROM (VALUES ('cdc_envelope')) AS v(name) LEFT JOIN pg_namespace n "
        "ON n.nspname = v.name AND EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proname "
        "= 'encode')");
    if (!rows.ok()) return rows.status();
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

Result<std::string> transaction_time(pq::Connection& connection) {
    auto time = connection.query(
        "SELECT to_char(transaction_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    if (!time.ok()) return time.status();
    return std::string(time->text(0, 0));
}

Result<std::string> encode_arguments(const pq::Connection& connection, const config::Source& source, Lsn lsn,
                                     const std::string& time) {
    auto options = sql_array(connection, encode_options(source));
    CDC_RETURN_IF_ERROR(options.status());
    return "'r', '" + lsn.to_string() + "'::pg_lsn, '" + time + "'::timestamptz, " + *options;
}

Status table_error(const pq::Connection& connection, const CapturedTable& table, const Status& status,
                   std::string_view sqlstate) {
    const std::string where = "snapshot of table " + display_name(table);
    if (status.code() != StatusCode::fatal) return status.in(where);
    std::string hint = status.hint();
    if (sqlstate == "42501") {  // insufficient_privilege; also row_security = off where a policy applies
        const std::string role = PQuser(connection.native());
        auto name = quoted_name(connection, table.schema, table.table);
        hint = "GRANT SELECT ON TABLE " + (name.ok() ? *name : "…") + " TO \"" + role +
               "\"; where the table has row security: ALTER ROLE \"" + role + "\" BYPASSRLS";
    } else if (sqlstate == "42883") {
        hint = "the extension is of another version: ALTER EXTENSION cdc_envelope UPDATE";
    }
    return Status::fatal(where + ": " + status.message(), std::move(hint));
}

Status ChunkReader::begin(pq::Connection& connection, const CapturedTable& table,
                          const std::string& encode_arguments, const Range& range) {
    auto name = quoted_name(connection, table.schema, table.table);
    CDC_RETURN_IF_ERROR(name.status());
    table_ = table;
    std::string where;
    add_condition(where, range.condition);
    add_condition(where, table.row_filter);
    add_condition(where, table.where);
    // "row".* is the whole row even where a column is called "row".
    const std::string copy = std::string("COPY (SELECT ") + encode_name + "(\"row\".*, " + encode_arguments +
                             ") FROM ONLY " + *name + " AS \"row\"" + where +
                             (range.order.empty() ? "" : " " + range.order) + ") TO STDOUT (FORMAT binary)";
    const std::unique_ptr<PGresult, pq::ResultDeleter> result(PQexec(connection.native(), copy.c_str()));
    if (PQresultStatus(result.get()) != PGRES_COPY_OUT) {
        return table_error(connection, table_, connection.error("", result.get()), sqlstate_of(result.get()));
    }
    open_ = true;
    rows_ = {};
    return {};
}

// Waits for the next CopyData message; false where the COPY is over.
Result<bool> ChunkReader::receive(pq::Connection& connection) {
    PGconn* native = connection.native();
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
        if (PQconsumeInput(native) == 0) {
            return table_error(connection, table_, connection.error(""), {});
        }
    }
}

Status ChunkReader::end(pq::Connection& connection) {
    open_ = false;
    message_.reset();
    const std::unique_ptr<PGresult, pq::ResultDeleter> result(PQgetResult(connection.native()));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
        return table_error(connection, table_, connection.error("", result.get()), sqlstate_of(result.get()));
    }
    while (PGresult* rest = PQgetResult(connection.native()))
        PQclear(rest);
    return rows_.finish();
}

// The row that does not fit is carried over to the next batch.
Result<std::optional<RowBatch>> ChunkReader::next(pq::Connection& connection, std::size_t max_bytes) {
    RowBatch batch;
    if (!open_ && !carried_) return std::optional<RowBatch>{};
    batch.bytes.reserve(max_bytes);
    if (carried_) append_row(batch, *std::exchange(carried_, std::nullopt));
    while (open_) {
        auto row = rows_.next();
        CDC_RETURN_IF_ERROR(row.status());
        if (!row->has_value()) {
            auto more = receive(connection);
            CDC_RETURN_IF_ERROR(more.status());
            if (!*more) CDC_RETURN_IF_ERROR(end(connection));
            continue;
        }
        if (batch.rows > 0 && batch.bytes.size() + 1 + (*row)->size() > max_bytes) {
            carried_ = std::string(**row);
            break;
        }
        append_row(batch, **row);
    }
    if (batch.rows == 0) return std::optional<RowBatch>{};
    if (batch.bytes.size() < max_bytes / 2) batch.bytes.shrink_to_fit();
    return std::optional<RowBatch>(std::move(batch));
}

}  // namespace cdc::source
