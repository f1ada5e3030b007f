#include "sinks/postgres/ledger.h"

#include <chrono>
#include <thread>
#include <utility>

#include "base/log.h"
#include "sinks/postgres/parameter.h"

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
           "updated_at timestamptz NOT NULL DEFAULT now(), fence bigint NOT NULL DEFAULT 0, "
           "form text NOT NULL DEFAULT '', snapshot_progress text, database text NOT NULL DEFAULT '') WITH "
           "(fillfactor = 10)";
}

std::string tables_ddl(const std::string& table) {
    return "CREATE TABLE IF NOT EXISTS " + table +
           " (projection_name text NOT NULL, source_schema text NOT NULL, source_table text NOT NULL, "
           "target_schema text NOT NULL, target_table text NOT NULL, source_id text NOT NULL, "
           "refilling boolean NOT NULL DEFAULT false, key_to_come text, "
           "PRIMARY KEY (projection_name, source_schema, source_table), "
           "UNIQUE (target_schema, target_table))";
}

// The envelope as bytes: a database in another encoding could not hold it as text.
std::string dead_letters_ddl(const std::string& table) {
    return "CREATE TABLE IF NOT EXISTS " + table +
           " (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, projection_name text NOT NULL, "
           "commit_lsn pg_lsn NOT NULL, seq bigint, source_id text NOT NULL, op_type text NOT NULL, "
           "sqlstate text, reason text NOT NULL, hint text, envelope bytea NOT NULL, "
           "parked_at timestamptz NOT NULL DEFAULT now())";
}

std::string move_sql(const std::string& position, const std::string& noted) {
    return "WITH moved AS (UPDATE " + position +
           " SET end_lsn = $3::pg_lsn, updated_at = now(), "
           "snapshot_progress = coalesce(nullif($6, ''), snapshot_progress) "
           "WHERE projection_name = $1 AND end_lsn = $2::pg_lsn AND fence = $5::bigint RETURNING 1)" +
           noted + " SELECT 1 / count(*), set_config('synchronous_commit', $4, true) FROM moved";
}

// Looking first whether a row is there makes each dearer by a third, and it hardly ever is.
std::string noted_in(const std::string& ledger, bool may_be_there) {
    return ", noted AS (INSERT INTO " + ledger +
           " (projection_name, commit_lsn, evidence_id, batch_id, source_commit, schema_version) SELECT $1, "
           "a.commit_lsn, a.evidence_id, a.batch_id, $7, a.schema_version FROM moved, unnest($8::text[], "
           "$9::text[], $10::text[], $11::integer[]) AS a(commit_lsn, evidence_id, batch_id, "
           "schema_version)" +
           (may_be_there ? " ON CONFLICT (projection_name, commit_lsn) DO UPDATE SET evidence_id = "
                           "EXCLUDED.evidence_id, applied_at = now(), batch_id = EXCLUDED.batch_id, "
                           "source_commit = EXCLUDED.source_commit, schema_version = EXCLUDED.schema_version)"
                         : ")");
}

// As bytea_in takes it.
std::string hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "\\x";
    for (const char byte : bytes) {
        text += digits[static_cast<unsigned char>(byte) >> 4];
        text += digits[static_cast<unsigned char>(byte) & 0xF];
    }
    return text;
}

std::string lock_name(const std::string& projection) {
    return "cdc-worker projection " + projection;
}

constexpr const char* holder_sql =
    "SELECT l.pid, coalesce(a.application_name, '') FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid) "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM "
    "pg_database WHERE datname = current_database()) AND (l.classid::bigint << 32 | l.objid::bigint) = "
    "hashtextextended($1, 0)";

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
    dead_letters_ = *schema + ".projection_dead_letter";
    move_sql_ = move_sql(position_, "");
    move_and_note_sql_ = move_sql(position_, noted_in(ledger_, false));
    move_and_note_again_sql_ = move_sql(position_, noted_in(ledger_, true));
    CDC_RETURN_IF_ERROR(create_tables(session, ledger_schema));
    return try_lock(session);
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
        {"projection_table", tables_ddl(tables_)},
        {"projection_dead_letter", dead_letters_ddl(dead_letters_)}};
    for (const auto& [name, ddl] : wanted) {
        Result<bool> found = exists(session,
                                    "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = "
                                    "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2)",
                                    {ledger_schema, name});
        if (!found.ok()) return found.status();
        if (!*found) CDC_RETURN_IF_ERROR(session.run_script("creating " + ledger_schema + "." + name, ddl));
    }
    CDC_RETURN_IF_ERROR(
        add_column(session, ledger_schema, "projection_position", "fence", "bigint NOT NULL DEFAULT 0"));
    CDC_RETURN_IF_ERROR(
        add_column(session, ledger_schema, "projection_position", "form", "text NOT NULL DEFAULT ''"));
    CDC_RETURN_IF_ERROR(
        add_column(session, ledger_schema, "projection_position", "snapshot_progress", "text"));
    CDC_RETURN_IF_ERROR(
        add_column(session, ledger_schema, "projection_position", "database", "text NOT NULL DEFAULT ''"));
    CDC_RETURN_IF_ERROR(add_column(session, ledger_schema, "projection_table", "refilling",
                                   "boolean NOT NULL DEFAULT false"));
    CDC_RETURN_IF_ERROR(add_column(session, ledger_schema, "projection_table", "key_to_come", "text"));
    return session.run_script("creating the ledger", "COMMIT");
}

// A table that an earlier release made.
Status Ledger::add_column(Session& session, const std::string& ledger_schema, const std::string& table,
                          const std::string& name, const std::string& definition) {
    Result<bool> found =
        exists(session,
               "SELECT EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
               "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname "
               "= $2 AND a.attname = $3 AND NOT a.attisdropped)",
               {ledger_schema, table, name});
    if (!found.ok()) return found.status();
    if (*found) return {};
    const std::string& quoted = table == "projection_table" ? tables_ : position_;
    return session.run_script("adding " + name + " to " + ledger_schema + "." + table,
                              "ALTER TABLE " + quoted + " ADD COLUMN " + name + " " + definition);
}

// A session lock, so that it goes with the connection. It keeps two workers from taking a snapshot of the
// same projection; once there is a slot, it is the slot that only one can have, and the fence that the other
// finds.
Status Ledger::try_lock(Session& session) {
    Result<pq::Rows> taken = session.run("locking projection " + context_->projection,
                                         "SELECT pg_try_advisory_lock(hashtextextended($1, 0))",
                                         {lock_name(context_->projection)});
    if (!taken.ok()) return taken.status();
    locked_ = taken->text(0, 0) == "t";
    return {};
}

Status Ledger::require_lock(Session& session) {
    if (!locked_) CDC_RETURN_IF_ERROR(try_lock(session));
    if (locked_) return {};
    Result<pq::Rows> holder = session.run("looking for the holder of projection " + context_->projection,
                                          holder_sql, {lock_name(context_->projection)});
    if (!holder.ok()) return holder.status();
    std::string who;
    if (holder->count() > 0) {
        who = " (pid " + std::string(holder->text(0, 0)) + ", " + std::string(holder->text(0, 1)) + ")";
    }
    return Status::retry("projection " + context_->projection + " is held by another worker" + who,
                         "stop that worker, or give this pipeline's source another projection name");
}

// Its locks on rows would keep us waiting for as long as its connection stands.
Status Ledger::end_holder(Session& session) {
    log_warning("projection {}: a worker that has lost the slot still holds it, and is ended",
                context_->projection);
    const Status ended =
        session
            .run("ending the worker that lost the slot",
                 std::string("SELECT pg_terminate_backend(pid) FROM (") + holder_sql + ") AS holder",
                 {lock_name(context_->projection)})
            .status();
    if (!ended.ok()) log_warning("projection {}: {}", context_->projection, ended.to_string());
    for (int tries = 0; tries < 50 && !locked_; ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(tries == 0 ? 0 : 100));
        CDC_RETURN_IF_ERROR(try_lock(session));
    }
    return require_lock(session);
}

Result<std::optional<StoredPosition>> Ledger::stored_position(Session& session) {
    CDC_RETURN_IF_ERROR(session.run_script("reading the position", "BEGIN"));
    Result<pq::Rows> rows = session.run(
        "reading the position of projection " + context_->projection,
        "WITH touched AS (UPDATE " + position_ +
            " SET updated_at = updated_at WHERE projection_name = $1 RETURNING *) SELECT system_identifier, "
            "timeline, slot, end_lsn, streaming, form, coalesce(snapshot_progress, ''), database, "
            "set_config('synchronous_commit', $2, true) FROM touched",
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
    position.snapshot_progress = rows->text(0, 6);
    position.form = rows->text(0, 5);
    position.database = rows->text(0, 7);
    // A search through the whole ledger, so only after a failover.
    if (position.timeline != context_->source.timeline) {
        rows = session.run("reading the ledger of projection " + context_->projection,
                           "SELECT max(commit_lsn::pg_lsn) FROM " + ledger_ +
                               " WHERE projection_name = $1 AND batch_id <> 'snapshot'",
                           {context_->projection});
        if (!rows.ok()) return rows.status();
        if (!rows->is_null(0, 0)) position.delivered_lsn = Lsn::parse(rows->text(0, 0)).value_or(Lsn{});
    }
    return std::optional<StoredPosition>(std::move(position));
}

// rows: the new fence, or none.
Status Ledger::fenced(Result<pq::Rows> rows) {
    if (!rows.ok()) return rows.status();
    if (rows->count() == 0) {
        return Status::retry("the position of projection " + context_->projection +
                             " has moved since it was read");
    }
    fence_ = std::stoll(std::string(rows->text(0, 0)));
    return {};
}

Status Ledger::write_position(Session& session, Lsn end_lsn, bool streaming) {
    return fenced(session.run(
        "writing the position of projection " + context_->projection,
        "INSERT INTO " + position_ +
            " AS p (projection_name, system_identifier, timeline, slot, end_lsn, streaming, form, database, "
            "fence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1) ON CONFLICT (projection_name) DO UPDATE SET "
            "system_identifier = EXCLUDED.system_identifier, timeline = EXCLUDED.timeline, slot = "
            "EXCLUDED.slot, end_lsn = EXCLUDED.end_lsn, streaming = EXCLUDED.streaming, form = "
            "EXCLUDED.form, database = EXCLUDED.database, "
            "snapshot_progress = NULL, updated_at = now(), fence = p.fence + 1 RETURNING fence",
        {context_->projection, context_->source.system_identifier, std::to_string(context_->source.timeline),
         context_->slot, end_lsn.to_string(), streaming ? "t" : "f", context_->form,
         context_->source.database}));
}

Status Ledger::begin_streaming(Session& session, Lsn stored, Lsn start_lsn) {
    if (!stored) {
        CDC_RETURN_IF_ERROR(require_lock(session));
        return write_position(session, start_lsn, true);
    }
    if (!locked_) CDC_RETURN_IF_ERROR(end_holder(session));
    return fenced(session.run(
        "writing the position of projection " + context_->projection,
        "UPDATE " + position_ +
            " SET system_identifier = $3, timeline = $4, slot = $5, end_lsn = $6, form = $7, database = $8, "
            "snapshot_progress = CASE WHEN streaming THEN snapshot_progress END, streaming = true, "
            "updated_at = now(), fence = fence + 1 WHERE "
            "projection_name = $1 AND end_lsn = $2::pg_lsn RETURNING fence",
        {context_->projection, stored.to_string(), context_->source.system_identifier,
         std::to_string(context_->source.timeline), context_->slot, start_lsn.to_string(), context_->form,
         context_->source.database}));
}

Status Ledger::send_move(Session& session, const PositionMove& move, Ticket ticket) {
    std::vector<Parameter> parameters = {
        context_->projection,   move.from.to_string(),
        move.to.to_string(),    move.durable ? session.durable_commit() : "off",
        std::to_string(fence_), move.snapshot_progress};
    if (move.applied.empty()) return session.send(move_sql_, parameters, std::move(ticket));
    std::string lsns = array_head(text_oid, move.applied.size());
    std::string evidence = lsns, batches = lsns;
    std::string versions = array_head(int4_oid, move.applied.size());
    for (const AppliedTransaction& applied : move.applied) {
        append_element(lsns, applied.commit_lsn.to_string());
        append_element(evidence, applied.evidence_id);
        append_element(batches, applied.batch_id);
        append_int32(versions, 4);
        append_int32(versions, applied.schema_version);
    }
    parameters.emplace_back(context_->source_commit);
    for (std::string* array : {&lsns, &evidence, &batches, &versions})
        parameters.push_back(Parameter::of_binary(std::move(*array)));
    const std::string& sql = move.may_be_noted ? move_and_note_again_sql_ : move_and_note_sql_;
    return session.send(sql, parameters, std::move(ticket));
}

Status Ledger::why_not_moved(Session& session) const {
    const std::string see = "see that only one worker runs the pipeline; start this one again once it is so";
    Result<pq::Rows> rows =
        session.run("reading the position of projection " + context_->projection,
                    "SELECT fence FROM " + position_ + " WHERE projection_name = $1", {context_->projection});
    if (!rows.ok()) return rows.status();
    if (rows->count() > 0 && rows->text(0, 0) != std::to_string(fence_)) {
        return Status::fatal("another worker has taken over projection " + context_->projection +
                                 " (its fence is " + std::string(rows->text(0, 0)) + ", ours was " +
                                 std::to_string(fence_) + "): this one has lost the slot",
                             see);
    }
    return Status::fatal("another worker has moved the position of projection " + context_->projection, see);
}

Status Ledger::park(Session& session, const DeadLetter& letter) {
    const auto or_null = [](const std::string& text) {
        return text.empty() ? std::optional<std::string>() : std::optional<std::string>(text);
    };
    return session
        .run("parking an event in the dead letters",
             "INSERT INTO " + dead_letters_ +
                 " (projection_name, commit_lsn, seq, source_id, op_type, sqlstate, reason, hint, envelope) "
                 "VALUES ($1, $2::pg_lsn, $3::bigint, $4, $5, $6, $7, $8, $9::bytea)",
             {context_->projection, letter.event.commit_lsn.to_string(),
              letter.event.seq < 0 ? std::optional<std::string>() : std::to_string(letter.event.seq),
              std::string(letter.event.source_id), std::string(1, static_cast<char>(letter.event.op)),
              or_null(letter.sqlstate), letter.reason, or_null(letter.hint), hex(letter.event.line)})
        .status();
}

}  // namespace cdc::projection
