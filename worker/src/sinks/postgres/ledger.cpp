#include "sinks/postgres/ledger.h"

#include <utility>
#include <vector>

namespace cdc::projection {
namespace {

std::string ledger_ddl(const std::string& table) {
    return "CREATE TABLE IF NOT EXISTS " + table +
           " (projection_name text NOT NULL, commit_lsn text NOT NULL, evidence_id text NOT NULL, "
           "applied_at timestamptz NOT NULL DEFAULT now(), batch_id text, source_commit text NOT NULL, "
           "schema_version integer NOT NULL, PRIMARY KEY (projection_name, commit_lsn)); "
           "CREATE INDEX IF NOT EXISTS projection_ledger_evidence_idx ON " +
           table + " (evidence_id)";
}

// One row that every transaction updates: room on the page keeps the updates there (HOT).
std::string position_ddl(const std::string& table) {
    return "CREATE TABLE IF NOT EXISTS " + table +
           " (projection_name text PRIMARY KEY, system_identifier text NOT NULL, timeline bigint NOT NULL, "
           "slot text NOT NULL, end_lsn pg_lsn NOT NULL, streaming boolean NOT NULL, "
           "updated_at timestamptz NOT NULL DEFAULT now()) WITH (fillfactor = 10)";
}

std::string tables_ddl(const std::string& table) {
    return "CREATE TABLE IF NOT EXISTS " + table +
           " (projection_name text NOT NULL, source_schema text NOT NULL, source_table text NOT NULL, "
           "target_schema text NOT NULL, target_table text NOT NULL, source_id text NOT NULL, "
           "PRIMARY KEY (projection_name, source_schema, source_table), "
           "UNIQUE (target_schema, target_table))";
}

std::string move_sql(const std::string& position, const std::string& noted) {
    return "WITH moved AS (UPDATE " + position +
           " SET end_lsn = $3::pg_lsn, updated_at = now() WHERE projection_name = $1 AND end_lsn = "
           "$2::pg_lsn RETURNING 1)" +
           noted + " SELECT 1 / count(*), set_config('synchronous_commit', $4, true) FROM moved";
}

std::string noted_in(const std::string& ledger) {
    return ", noted AS (INSERT INTO " + ledger +
           " (projection_name, commit_lsn, evidence_id, batch_id, source_commit, schema_version) SELECT $1, "
           "$5, $6, $7, $8, $9::integer FROM moved ON CONFLICT (projection_name, commit_lsn) DO UPDATE SET "
           "evidence_id = EXCLUDED.evidence_id, applied_at = now(), batch_id = EXCLUDED.batch_id, "
           "source_commit = EXCLUDED.source_commit, schema_version = EXCLUDED.schema_version)";
}

// One look before each CREATE: CREATE … IF NOT EXISTS demands the privilege to create even where there is
// nothing to do.
Result<bool> exists(Session& session, const std::string& sql,
                    const std::vector<std::optional<std::string>>& names) {
    Result<pq::Rows> rows = session.run("looking for the ledger's tables", sql, names);
    if (!rows.ok()) return rows.status();
    return rows->text(0, 0) == "t";
}

}  // namespace

Status Ledger::open(Session& session, const std::string& ledger_schema, const SinkContext& context) {
    context_ = &context;
    Result<std::string> schema = session.quote_identifier(ledger_schema);
    if (!schema.ok()) return schema.status();
    ledger_ = *schema + ".projection_ledger";
    position_ = *schema + ".projection_position";
    tables_ = *schema + ".projection_table";
    move_sql_ = move_sql(position_, "");
    move_with_ledger_sql_ = move_sql(position_, noted_in(ledger_));
    CDC_RETURN_IF_ERROR(create_tables(session, ledger_schema));
    return take_lock(session);
}

Status Ledger::create_tables(Session& session, const std::string& ledger_schema) {
    // Two workers that start at once would both find nothing and then collide.
    CDC_RETURN_IF_ERROR(
        session.run_script("creating the ledger",
                           "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('cdc-worker ledger', 0))"));
    Result<bool> schema =
        exists(session, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", {ledger_schema});
    if (!schema.ok()) return schema.status();
    if (!*schema) {
        Result<std::string> quoted = session.quote_identifier(ledger_schema);
        if (!quoted.ok()) return quoted.status();
        CDC_RETURN_IF_ERROR(
            session.run_script("creating schema " + ledger_schema, "CREATE SCHEMA " + *quoted));
    }
    const std::vector<std::pair<std::string, std::string>> wanted = {
        {"projection_ledger", ledger_ddl(ledger_)},
        {"projection_position", position_ddl(position_)},
        {"projection_table", tables_ddl(tables_)}};
    for (const auto& [name, ddl] : wanted) {
        Result<bool> found = exists(session,
                                    "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = "
                                    "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2)",
                                    {ledger_schema, name});
        if (!found.ok()) return found.status();
        if (!*found) CDC_RETURN_IF_ERROR(session.run_script("creating " + ledger_schema + "." + name, ddl));
    }
    return session.run_script("creating the ledger", "COMMIT");
}

// A session lock, so that it goes with the connection. The position's own check (send_move) would stop a
// second worker too, but only after it has done harm to the first.
Status Ledger::take_lock(Session& session) {
    const std::string key = "cdc-worker projection " + context_->projection;
    Result<pq::Rows> taken = session.run("locking projection " + context_->projection,
                                         "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", {key});
    if (!taken.ok()) return taken.status();
    if (taken->text(0, 0) == "t") return {};
    Result<pq::Rows> holder = session.run(
        "looking for the holder of projection " + context_->projection,
        "SELECT l.pid, coalesce(a.application_name, '') FROM pg_locks l LEFT JOIN pg_stat_activity a USING "
        "(pid) "
        "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM "
        "pg_database WHERE datname = current_database()) AND (l.classid::bigint << 32 | l.objid::bigint) = "
        "hashtextextended($1, 0)",
        {key});
    if (!holder.ok()) return holder.status();
    std::string who;
    if (holder->count() > 0) {
        who = " (pid " + std::string(holder->text(0, 0)) + ", " + std::string(holder->text(0, 1)) + ")";
    }
    return Status::retry("projection " + context_->projection + " is held by another worker" + who,
                         "stop that worker, or give this pipeline's source another projection name");
}

Result<std::optional<StoredPosition>> Ledger::stored_position(Session& session) {
    CDC_RETURN_IF_ERROR(session.run_script("reading the position", "BEGIN"));
    Result<pq::Rows> rows = session.run(
        "reading the position of projection " + context_->projection,
        "WITH touched AS (UPDATE " + position_ +
            " SET updated_at = updated_at WHERE projection_name = $1 RETURNING *) SELECT system_identifier, "
            "timeline, slot, end_lsn, streaming, set_config('synchronous_commit', $2, true) FROM touched",
        {context_->projection, session.durable_commit()});
    if (!rows.ok()) return rows.status();
    CDC_RETURN_IF_ERROR(session.run_script("reading the position", "COMMIT"));
    if (rows->count() == 0) return std::optional<StoredPosition>();
    StoredPosition position;
    position.system_identifier = rows->text(0, 0);
    position.timeline = static_cast<std::uint32_t>(std::stoul(std::string(rows->text(0, 1))));
    position.slot = rows->text(0, 2);
    position.end_lsn = Lsn::parse(rows->text(0, 3)).value_or(Lsn{});
    position.streaming = rows->text(0, 4) == "t";
    return std::optional<StoredPosition>(std::move(position));
}

Status Ledger::write_position(Session& session, Lsn end_lsn, bool streaming) {
    return session
        .run("writing the position of projection " + context_->projection,
             "INSERT INTO " + position_ +
                 " AS p (projection_name, system_identifier, timeline, slot, end_lsn, streaming) VALUES ($1, "
                 "$2, $3, $4, $5, $6) ON CONFLICT (projection_name) DO UPDATE SET system_identifier = "
                 "EXCLUDED.system_identifier, timeline = EXCLUDED.timeline, slot = EXCLUDED.slot, end_lsn = "
                 "EXCLUDED.end_lsn, streaming = EXCLUDED.streaming, updated_at = now()",
             {context_->projection, context_->source.system_identifier,
              std::to_string(context_->source.timeline), context_->slot, end_lsn.to_string(),
              streaming ? "t" : "f"})
        .status();
}

Status Ledger::begin_streaming(Session& session, Lsn start_lsn) {
    Result<pq::Rows> rows =
        session.run("writing the position of projection " + context_->projection,
                    "UPDATE " + position_ +
                        " SET streaming = true, updated_at = now() WHERE projection_name = $1 RETURNING 1",
                    {context_->projection});
    if (!rows.ok()) return rows.status();
    return rows->count() > 0 ? Status() : write_position(session, start_lsn, true);
}

Status Ledger::send_move(Session& session, const PositionMove& move, Ticket ticket) {
    std::vector<std::string> parameters = {context_->projection, move.from.to_string(), move.to.to_string(),
                                           move.durable ? session.durable_commit() : "off"};
    if (!move.has_ledger_row) return session.send(move_sql_, parameters, std::move(ticket));
    parameters.push_back(move.commit_lsn.to_string());
    parameters.push_back(move.evidence_id);
    parameters.push_back(move.batch_id);
    parameters.push_back(context_->source_commit);
    parameters.push_back(std::to_string(move.schema_version));
    return session.send(move_with_ledger_sql_, parameters, std::move(ticket));
}

}  // namespace cdc::projection
