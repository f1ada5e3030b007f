#include "source/snapshot.h"

#include <utility>

#include "base/log.h"
#include "base/number.h"
#include "incremental/ranges.h"
#include "source/key_chunk.h"
#include "source/snapshot_condition.h"

namespace cdc::source {
namespace {

std::string sqlstate_of(const PGresult* result) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state == nullptr ? "" : state;
}

// A range of pages is read as one (a TID Range Scan) and never through an index.
const char* const scan_settings_sql =
    "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = "
    "off";

constexpr int tid_range_scans_since = 140000;

std::string condition_of(const PageRange& range) {
    if (range.whole_table) return {};
    const auto page = [](std::int64_t number) { return "'(" + std::to_string(number) + ",0)'::tid"; };
    std::string condition = "\"row\".ctid >= " + page(range.first);
    if (!range.to_the_end) condition += " AND \"row\".ctid < " + page(range.end);
    return condition;
}

// About a table under its lock, with $1 its quoted name. pg_class and pg_attribute are read under the
// snapshot; regclass, pg_relation_filenode and table_definition as things are now.
std::string state_sql(const std::string& oid) {
    return "SELECT " + oid + "::regclass::text = '" + oid + "', to_regclass($1) = " + oid +
           "::oid AND c.relfilenode = pg_relation_filenode(" + oid + "), pg_relation_size(" + oid +
           ") / current_setting('block_size')::int, (SELECT array_agg(d->>'name' ORDER BY n) FROM "
           "json_array_elements(cdc_envelope.table_definition(" +
           oid +
           "::oid::regclass)::json->'columns') WITH ORDINALITY AS e(d, n)) IS NOT DISTINCT FROM (SELECT "
           "array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND "
           "a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'), pg_relation_filenode(" +
           oid + ") FROM pg_class c WHERE c.oid = " + oid;
}

}  // namespace

Result<SnapshotReader> SnapshotReader::connect(Shared shared, StopCheck stop) {
    auto connection = open_source_connection(shared.dsn, shared.application_name, pq::Mode::sql);
    if (!connection.ok()) return connection.status().in("snapshot");
    SnapshotReader reader(std::move(*connection), std::move(shared), std::move(stop));
    CDC_RETURN_IF_ERROR(reader.import_snapshot().in("snapshot"));
    return reader;
}

Result<SnapshotReader> SnapshotReader::open_without_plan(Shared shared, const config::Source& source,
                                                         Lsn consistent_point, StopCheck stop) {
    auto reader = connect(std::move(shared), std::move(stop));
    CDC_RETURN_IF_ERROR(reader.status());
    CDC_RETURN_IF_ERROR(check_extension(reader->connection_).in("snapshot"));
    auto time = transaction_time(reader->connection_);
    CDC_RETURN_IF_ERROR(time.status().in("snapshot"));
    reader->shared_.time = *time;
    auto arguments = encode_arguments(reader->connection_, source, consistent_point, *time);
    CDC_RETURN_IF_ERROR(arguments.status().in("snapshot"));
    reader->shared_.encode_arguments = *arguments;
    return reader;
}

Result<SnapshotReader> SnapshotReader::open(const std::string& dsn, const std::string& application_name,
                                            const config::Source& source, const std::string& snapshot_name,
                                            Lsn consistent_point, StopCheck stop,
                                            const config::Snapshot& snapshot) {
    auto reader = open_without_plan({dsn, application_name, snapshot_name, {}, {}, 0}, source,
                                    consistent_point, std::move(stop));
    CDC_RETURN_IF_ERROR(reader.status());
    CDC_RETURN_IF_ERROR(reader->plan(source, snapshot).in("snapshot"));
    CDC_RETURN_IF_ERROR(reader->ask_for_xmin().in("snapshot"));
    return reader;
}

// A comment at the end of a condition must not reach further than the condition.
Result<SnapshotReader> SnapshotReader::open_table(const std::string& dsn, const std::string& application_name,
                                                  const config::Source& source,
                                                  const std::string& snapshot_name, Lsn consistent_point,
                                                  StopCheck stop, CapturedTable table,
                                                  const std::string& condition) {
    auto reader = open_without_plan({dsn, application_name, snapshot_name, {}, {}, 0}, source,
                                    consistent_point, std::move(stop));
    CDC_RETURN_IF_ERROR(reader.status());
    // The stream is halted, and must not wait for someone else's DDL with it.
    CDC_RETURN_IF_ERROR(reader->connection_.execute("SET LOCAL lock_timeout = '2s'"));
    CDC_RETURN_IF_ERROR(check_condition(reader->connection_, table));
    if (!condition.empty())
        table.where = table.where.empty() ? condition : "(" + table.where + "\n) AND (" + condition + "\n)";
    constexpr bool by_pages = false;
    reader->plan_ = std::make_shared<SnapshotPlan>(std::vector{std::move(table)}, 0, by_pages);
    return reader;
}

Result<SnapshotReader> SnapshotReader::another() const {
    auto reader = connect(shared_, stop_);
    if (reader.ok()) reader->plan_ = plan_;
    return reader;
}

Status SnapshotReader::import_snapshot() {
    auto name = connection_.quote_literal(shared_.snapshot_name);
    CDC_RETURN_IF_ERROR(name.status());
    CDC_RETURN_IF_ERROR(connection_.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
    if (const Status imported = connection_.execute("SET TRANSACTION SNAPSHOT " + *name); !imported.ok()) {
        // It is gone with the connection that exported it: nothing is wrong with the request.
        return Status::retry(imported.message());
    }
    CDC_RETURN_IF_ERROR(prepare_to_read(connection_));
    return connection_.execute(scan_settings_sql);
}

Status SnapshotReader::plan(const config::Source& source, const config::Snapshot& snapshot) {
    auto listed = captured_tables(connection_, source);
    CDC_RETURN_IF_ERROR(listed.status());
    const bool resumable = snapshot.resumable == config::Resumable::yes;
    std::vector<CapturedTable> tables, second_part;
    for (CapturedTable& table : *listed) {
        if (table.unlogged) {
            log_warning("snapshot: table {} is unlogged: its changes are not in the WAL, so it is left out",
                        display_name(table));
            continue;
        }
        if (!table.has_key) {
            log_warning(
                "snapshot: table {} has no key: it is read in one pass by one reader, and its rows can't be "
                "told apart, so a row that is delivered again can't be recognized",
                display_name(table));
        }
        CDC_RETURN_IF_ERROR(check_condition(connection_, table));
        auto beside =
            resumable || snapshot.beside_stream ? can_be_read_beside(connection_, source, table) : false;
        CDC_RETURN_IF_ERROR(beside.status());
        std::vector<CapturedTable>& others = snapshot.beside_stream ? beside_ : second_part;
        (*beside ? others : tables).push_back(std::move(table));
    }
    first_part_ = tables.size();
    tables.insert(tables.end(), second_part.begin(), second_part.end());
    plan_ =
        std::make_shared<SnapshotPlan>(std::move(tables), snapshot.chunk_rows,
                                       connection_.server_version() >= tid_range_scans_since, first_part_);
    return {};
}

Status SnapshotReader::ask_for_xmin() {
    auto xmin = connection_.query("SELECT pg_snapshot_xmin(pg_current_snapshot())");
    if (!xmin.ok()) return xmin.status();
    shared_.xmin = leading_number<std::uint64_t>(xmin->text(0, 0));
    return {};
}

// `there` becomes false where there is no table of that name any more.
Status SnapshotReader::lock_table(const std::string& name, bool& there) {
    std::string refused;
    const auto locked = query_interruptible(
        connection_, "SAVEPOINT table_read; LOCK TABLE ONLY " + name + " IN ACCESS SHARE MODE", stop_, {},
        [&](const PGresult* result) {
            refused = sqlstate_of(result);
            return table_error(connection_, table(), connection_.error("", result), refused);
        });
    locked_ = locked.ok() || refused == "42P01";
    there = locked.ok();
    if (locked.ok() || !locked_) return locked.status();
    return connection_.execute("ROLLBACK TO SAVEPOINT table_read").in("snapshot");
}

// Makes sure that the table still is what the snapshot shows. A rewrite since then (ALTER TABLE … TYPE,
// TRUNCATE) would leave the snapshot an empty table, as rewriting is not MVCC-safe (PostgreSQL docs,
// "Caveats" of MVCC), and decoding does not carry it either; a column added, dropped or renamed since then
// would make rows of a definition that the stream has yet to tell of. A table that has been dropped has
// nothing left to read, and the stream tells of it.
Status SnapshotReader::verify_table(const std::string& name, bool& there) {
    auto state = connection_.query(state_sql(std::to_string(table().oid)), {name.c_str()});
    if (!state.ok()) return table_error(connection_, table(), state.status(), connection_.last_sqlstate());
    const bool known = state->count() == 1;
    const bool dropped = known && state->text(0, 0) == "t";
    if (dropped) {
        log_warning("snapshot: table {} has been dropped since the snapshot was taken; its rows are left out",
                    display_name(table()));
        there = false;
        return {};
    }
    const bool same = known && there && state->text(0, 1) == "t";
    if (!same || state->text(0, 3) != "t") {
        return Status::retry("snapshot: table " + display_name(table()) + " has " +
                                 (same ? "got other columns" : "been rewritten or renamed") +
                                 " since the snapshot was taken",
                             "it goes on beside the stream, or is taken again; avoid DDL while it runs");
    }
    plan_->opened(at_, leading_number<std::int64_t>(state->text(0, 2)),
                  leading_number<std::int64_t>(state->text(0, 4)));
    return {};
}

// Locks the table for as long as ranges of it are read. False where no table needs this reader any more.
Result<bool> SnapshotReader::turn_to_a_table() {
    const auto choice = plan_->choose();
    if (!choice) return false;
    at_ = choice->table;
    auto name = quoted_name(connection_, table().schema, table().table);
    CDC_RETURN_IF_ERROR(name.status());
    bool there = false;
    CDC_RETURN_IF_ERROR(lock_table(*name, there));
    if (choice->first) {
        CDC_RETURN_IF_ERROR(verify_table(*name, there));
        if (!there) {
            plan_->skip(at_);
            read_whole_.push_back({at_, 0, incremental::Ranges::no_end, 0});
        }
    }
    return true;
}

// Gives the table's lock back: DDL waits for one table, not for the whole snapshot.
Status SnapshotReader::leave_table() {
    locked_ = false;
    return connection_.execute("ROLLBACK TO SAVEPOINT table_read; RELEASE SAVEPOINT table_read")
        .in("snapshot");
}

Status SnapshotReader::begin_range() {
    const std::optional<PageRange> range = plan_->take(at_);
    if (!range) return leave_table();
    range_ = *range;
    ranging_ = true;
    rows_of_range_ = 0;
    return chunk_.begin(connection_, table(), shared_.encode_arguments, {condition_of(range_), {}});
}

void SnapshotReader::end_range() {
    ranging_ = false;
    read_whole_.push_back({at_, range_.first, range_.to_the_end ? incremental::Ranges::no_end : range_.end,
                           plan_->filenode(at_)});
    if (const auto rows = plan_->finished(at_, range_, rows_of_range_))
        log_info("snapshot: table {} read, {} rows", display_name(table()), *rows);
}

Result<std::optional<SnapshotRows>> SnapshotReader::next(std::size_t max_bytes) {
    for (;;) {
        if (!locked_) {
            auto turned = turn_to_a_table();
            CDC_RETURN_IF_ERROR(turned.status());
            if (!*turned) return std::optional<SnapshotRows>{};
        }
        if (!ranging_) {
            CDC_RETURN_IF_ERROR(begin_range());
            continue;
        }
        auto batch = chunk_.next(connection_, max_bytes);
        CDC_RETURN_IF_ERROR(batch.status());
        if (batch->has_value()) {
            rows_of_range_ += (*batch)->rows;
            plan_->read(at_, (*batch)->rows, static_cast<std::int64_t>((*batch)->bytes.size()));
            if (chunk_.at_end()) end_range();
            return std::optional<SnapshotRows>({std::move(**batch), at_, std::exchange(read_whole_, {})});
        }
        end_range();
    }
}

}  // namespace cdc::source
