#include "source/key_chunk.h"

#include <poll.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "base/number.h"
#include "incremental/run_progress.h"
#include "source/chunk_reader.h"
#include "source/copy_binary.h"

namespace cdc::source {
namespace {

using incremental::Chunk;

const char* const key_sql =
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation FROM pg_class c JOIN pg_index i "
    "ON i.indrelid = "
    "c.oid AND i.indisvalid AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary AND "
    "i.indimmediate END, unnest(i.indkey) WITH ORDINALITY k(attnum, n), pg_attribute a WHERE c.oid = $1::oid "
    "AND a.attrelid = c.oid AND a.attnum = k.attnum AND k.n <= i.indnkeyatts ORDER BY k.n";

const char* const ancestors_sql =
    "SELECT n.nspname, c.relname FROM pg_partition_ancestors($1::oid::regclass) p JOIN pg_class c ON c.oid = "
    "p.relid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid <> $1::oid";

// Its key and its ancestors, as they are now.
Status describe_form(pq::Connection& sql, KeyTable& table) {
    const std::string oid = std::to_string(table.table.oid);
    auto key = sql.query(key_sql, {oid.c_str()});
    if (!key.ok()) return key.status();
    for (int row = 0; row < key->count(); ++row) {
        auto name = sql.quote_identifier(key->text(row, 0));
        if (!name.ok()) return name.status();
        table.key.push_back({std::string(key->text(row, 0)), *name, std::string(key->text(row, 1)),
                             std::string(key->text(row, 2))});
        table.names.key.push_back(table.key.back().name);
    }
    auto ancestors = sql.query(ancestors_sql, {oid.c_str()});
    if (!ancestors.ok()) return ancestors.status();
    for (int row = 0; row < ancestors->count(); ++row)
        table.names.ancestors.push_back(
            {std::string(ancestors->text(row, 0)), std::string(ancestors->text(row, 1))});
    return {};
}

Result<CapturedTable> find_captured(pq::Connection& sql, const config::Source& source,
                                    const std::string& schema, const std::string& table) {
    auto tables = captured_tables(sql, source);
    if (!tables.ok()) return tables.status();
    for (CapturedTable& each : *tables) {
        if (each.schema == schema && each.table == table) return std::move(each);
    }
    return Status::fatal("the pipeline does not capture a table " + schema + "." + table,
                         "a partitioned table is read by its partitions; see source.tables, the publications "
                         "and the slot's policy");
}

Status check_table(const config::Source& source, const KeyTable& table) {
    const std::string name = display_name(table.table);
    if (table.table.unlogged) {
        return Status::fatal("table " + name + " is unlogged: its changes are not in the WAL");
    }
    for (const KeyTable::Column& column : table.key) {
        const std::string prefix = name + "." + column.name + ":";
        const bool masked = std::ranges::any_of(
            source.masks, [&](const std::string& mask) { return mask.starts_with(prefix); });
        if (masked)
            return Status::fatal("the key column " + column.name + " of table " + name + " is masked");
    }
    return {};
}

std::string joined(const KeyTable& table, const char* format_before, const char* format_after) {
    std::string list;
    for (const KeyTable::Column& column : table.key)
        list += (list.empty() ? "" : ", ") + std::string(format_before) + column.quoted + format_after;
    return list;
}

// ('1'::integer, 'a'::text)
Result<std::string> key_row(const pq::Connection& sql, const KeyTable& table, const std::string& key) {
    const auto texts = incremental::read_texts(key);
    if (!texts.ok()) return texts.status();
    if (texts->size() != table.key.size()) {
        return Status::fatal("the key of table " + display_name(table.table) + " has changed",
                             "stop the snapshot of the table and start it again");
    }
    std::string row;
    for (std::size_t i = 0; i < texts->size(); ++i) {
        const auto literal = sql.quote_literal((*texts)[i]);
        if (!literal.ok()) return literal.status();
        row += (row.empty() ? "ROW(" : ", ") + *literal + "::" + table.key[i].type;
    }
    return row + ")";
}

// (a) AND (b), of those that are not empty. A comment at an end must not reach further than its condition.
std::string all_of(const std::string& a, const std::string& b) {
    if (a.empty() || b.empty()) return a.empty() ? b : a;
    return "(" + a + "\n) AND (" + b + "\n)";
}

class Reading {
  public:
    Reading(pq::Connection& sql, const KeyTable& table, const ChunkRequest& request, const StopCheck& stop)
        : sql_(sql), table_(table), request_(request), stop_(stop) {}

    Result<ReadChunk> read(const config::Source& source);

  private:
    Status begin(const config::Source& source);
    Status compare_form();
    Status leave_delivered();
    Status read_again();
    Status read_range();
    Status copy(const std::string& where, const std::string& only, const std::string& order,
                std::size_t max_bytes);
    enum class Received { rows, end, too_late };
    Result<Received> receive(bool may_cut);
    Status cut();
    bool too_late() const {
        return request_.max_time.count() > 0 &&
               std::chrono::steady_clock::now() - began_ >= request_.max_time;
    }
    Status take(std::string_view row);
    Status end_copy();
    Status refused(const Status& status) const { return status.in("table " + display_name(table_.table)); }

    pq::Connection& sql_;
    const KeyTable& table_;
    const ChunkRequest& request_;
    const StopCheck& stop_;
    std::string arguments_;
    std::string but_delivered_;  // the condition that leaves out what need not come
    ReadChunk read_;
    std::set<std::string, std::less<>> known_;  // keys of rows that were read again
    CopyBinaryReader rows_;
    std::unique_ptr<char, void (*)(void*)> message_{nullptr, PQfreemem};
    std::size_t taken_ = 0;  // rows of the present COPY
    std::string last_;       // its last key
    bool cut_ = false;       // it was longer than max_bytes, or took longer than max_time
    const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

Status Reading::begin(const config::Source& source) {
    CDC_RETURN_IF_ERROR(sql_.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
    CDC_RETURN_IF_ERROR(prepare_to_read(sql_));
    const auto locked =
        query_interruptible(sql_, "LOCK TABLE ONLY " + table_.quoted + " IN ACCESS SHARE MODE", stop_);
    if (!locked.ok()) return refused(locked.status());
    // The position after the snapshot: behind every commit that it sees, for a commit's record is in the WAL
    // before it is seen.
    auto state = sql_.query(
        "SELECT pg_current_snapshot(), pg_current_wal_insert_lsn(), to_char(statement_timestamp() AT TIME "
        "ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    if (!state.ok()) return state.status();
    auto seen = incremental::Visibility::parse(state->text(0, 0));
    if (!seen.ok()) return seen.status();
    read_.chunk.seen = std::move(*seen);
    read_.chunk.mark = Lsn::parse(state->text(0, 1)).value_or(Lsn{});
    auto arguments = encode_arguments(sql_, source, read_.chunk.mark, std::string(state->text(0, 2)));
    if (!arguments.ok()) return arguments.status();
    arguments_ = std::move(*arguments);
    CDC_RETURN_IF_ERROR(compare_form());
    return leave_delivered();
}

// DDL since the table was described may have given it another key, or its name to another table.
Status Reading::compare_form() {
    auto oid = sql_.query("SELECT to_regclass($1)::oid", {table_.quoted.c_str()});
    if (!oid.ok()) return oid.status();
    KeyTable now;
    now.table.oid = leading_number<std::uint32_t>(oid->text(0, 0));
    CDC_RETURN_IF_ERROR(describe_form(sql_, now));
    read_.of_another_form = now.form() != table_.form();
    return {};
}

// Under the lock no other file can become the table's.
Status Reading::leave_delivered() {
    if (!request_.delivered) return {};
    auto now = sql_.query("SELECT pg_relation_filenode(" + std::to_string(table_.table.oid) +
                          "), pg_snapshot_xmax(pg_current_snapshot())");
    if (!now.ok()) return now.status();
    if (still_told_apart(*request_.delivered, leading_number<std::int64_t>(now->text(0, 0)),
                         leading_number<std::uint64_t>(now->text(0, 1))))
        but_delivered_ = "NOT (" + delivered_condition(*request_.delivered) + ")";
    return {};
}

// A line for each row that `where` holds for: its key, and where `only` holds for it too, behind a line's end
// its envelope. So however few those are, no more rows are looked at than `order` says.
Status Reading::copy(const std::string& where, const std::string& only, const std::string& order,
                     std::size_t max_bytes) {
    // "row".* is the whole row even where a column is called "row".
    std::string encoded = "E'\\n' || cdc_envelope.encode(\"row\".*, " + arguments_ + ")";
    if (!only.empty()) encoded = "CASE WHEN " + only + "\nTHEN " + encoded + " ELSE '' END";
    const std::string statement = "COPY (SELECT jsonb_build_array(" + joined(table_, "\"row\".", "::text") +
                                  ")::text || " + encoded + " FROM ONLY " + table_.quoted + " AS \"row\"" +
                                  (where.empty() ? "" : " WHERE " + where) + order +
                                  ") TO STDOUT (FORMAT binary)";
    const std::unique_ptr<PGresult, pq::ResultDeleter> result(PQexec(sql_.native(), statement.c_str()));
    if (PQresultStatus(result.get()) != PGRES_COPY_OUT) return refused(sql_.error("", result.get()));
    rows_ = {};
    taken_ = 0;
    last_.clear();
    const std::size_t before = read_.chunk.bytes.size();
    for (;;) {
        auto row = rows_.next();
        if (!row.ok()) return row.status();
        if (!row->has_value()) {
            const auto received = receive(max_bytes != 0);
            if (!received.ok()) return received.status();
            if (*received == Received::end) return end_copy();
            if (*received == Received::too_late) return cut();
            continue;
        }
        CDC_RETURN_IF_ERROR(take(**row));
        if (max_bytes == 0) continue;
        if (read_.chunk.bytes.size() - before >= max_bytes || too_late()) return cut();
    }
}

// The chunk ends with the last row taken; the transaction is only good for rolling back.
Status Reading::cut() {
    cut_ = true;
    cancel_statement(sql_.native());
    return {};
}

// Waits for the next CopyData message.
Result<Reading::Received> Reading::receive(bool may_cut) {
    for (;;) {
        char* raw = nullptr;
        const int bytes = PQgetCopyData(sql_.native(), &raw, 1);
        if (bytes > 0) {
            message_.reset(raw);
            rows_.feed({raw, static_cast<std::size_t>(bytes)});
            return Received::rows;
        }
        if (bytes < 0) return Received::end;
        if (may_cut && taken_ > 0 && too_late()) return Received::too_late;
        if (stop_ && stop_()) return Status::retry("stopped while reading a chunk");
        pollfd entry{PQsocket(sql_.native()), POLLIN, 0};
        poll(&entry, 1, wait_step_ms);
        if (PQconsumeInput(sql_.native()) == 0) return refused(sql_.error(""));
    }
}

Status Reading::take(std::string_view row) {
    const std::size_t line = row.find('\n');
    ++taken_;
    last_ = row.substr(0, line);
    if (line == std::string_view::npos || known_.contains(last_)) return {};
    read_.chunk.add(last_, row.substr(line + 1));
    return {};
}

Status Reading::end_copy() {
    const std::unique_ptr<PGresult, pq::ResultDeleter> result(PQgetResult(sql_.native()));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) return refused(sql_.error("", result.get()));
    while (PGresult* rest = PQgetResult(sql_.native()))
        PQclear(rest);
    return rows_.finish();
}

Status Reading::read_again() {
    if (request_.again.empty()) return {};
    std::string keys;
    for (const std::string& key : request_.again) {
        const auto row = key_row(sql_, table_, key);
        if (!row.ok()) return row.status();
        keys += (keys.empty() ? "" : ", ") + *row;
    }
    const std::string where = "ROW(" + joined(table_, "\"row\".", "") + ") IN (" + keys + ")";
    CDC_RETURN_IF_ERROR(copy(where, table_.table.row_filter, "", 0));
    for (const Chunk::Row& row : read_.chunk.rows)
        known_.insert(row.key);
    return {};
}

Status Reading::read_range() {
    std::string where;
    if (!request_.after.empty()) {
        const auto row = key_row(sql_, table_, request_.after);
        if (!row.ok()) return row.status();
        where = "ROW(" + joined(table_, "\"row\".", "") + ") > " + *row;
    }
    CDC_RETURN_IF_ERROR(
        copy(where,
             all_of(all_of(all_of(table_.table.row_filter, table_.table.where), request_.condition),
                    but_delivered_),
             " ORDER BY " + joined(table_, "\"row\".", "") + " LIMIT " + std::to_string(request_.max_rows),
             request_.max_bytes));
    read_.last = last_.empty() ? request_.after : last_;
    read_.end = !cut_ && taken_ < request_.max_rows;
    return {};
}

Result<ReadChunk> Reading::read(const config::Source& source) {
    CDC_RETURN_IF_ERROR(begin(source));
    if (!read_.of_another_form) {
        CDC_RETURN_IF_ERROR(read_again());
        CDC_RETURN_IF_ERROR(read_range());
    }
    read_.chunk.first = request_.after.empty();
    read_.chunk.again = request_.again;
    CDC_RETURN_IF_ERROR(sql_.execute("ROLLBACK"));
    return std::move(read_);
}

}  // namespace

std::string KeyTable::form() const {
    std::string form = std::to_string(table.oid);
    for (const Column& column : key)
        form += ", " + column.quoted + " " + column.type + " " + column.collation;
    for (const auto& [schema, name] : names.ancestors)
        form += " of " + schema + "." + name;
    return form;
}

Result<KeyTable> describe_table(pq::Connection& sql, const config::Source& source, const std::string& schema,
                                const std::string& table) {
    auto captured = find_captured(sql, source, schema, table);
    if (!captured.ok()) return captured.status();
    KeyTable found;
    found.table = std::move(*captured);
    found.names.own = {schema, table};
    auto quoted = quoted_name(sql, schema, table);
    if (!quoted.ok()) return quoted.status();
    found.quoted = std::move(*quoted);
    CDC_RETURN_IF_ERROR(describe_form(sql, found));
    CDC_RETURN_IF_ERROR(check_table(source, found));
    return found;
}

Result<bool> can_be_read_beside(pq::Connection& sql, const config::Source& source,
                                const CapturedTable& table) {
    if (table.unlogged || !table.has_key) return false;
    const bool masked = std::ranges::any_of(
        source.masks, [&](const std::string& mask) { return mask.starts_with(display_name(table) + "."); });
    if (!masked) return true;
    const auto described = describe_table(sql, source, table.schema, table.table);
    if (described.status().code() == StatusCode::retry) return described.status();
    return described.ok() && !described->in_one_pass();
}

Result<ReadChunk> read_chunk(pq::Connection& sql, const config::Source& source, const KeyTable& table,
                             const ChunkRequest& request, const StopCheck& stop) {
    return Reading(sql, table, request, stop).read(source);
}

}  // namespace cdc::source
