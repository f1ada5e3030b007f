// TableKeeper's register: which tables of the target belong to which projection, and what of them a snapshot
// removes.
#include <utility>

#include "base/log.h"
#include "envelope/event_reader.h"
#include "sinks/postgres/row_identity.h"
#include "sinks/postgres/row_json.h"
#include "sinks/postgres/statements.h"
#include "sinks/postgres/table_keeper.h"

namespace cdc::projection {
namespace {

std::string table_of(const Event& event) {
    if (!event.is_row()) return std::string(event.source_id);
    return std::string(event.source_id.substr(0, event.source_id.rfind('/')));
}

}  // namespace

Result<TableKeeper::Registration> TableKeeper::registration(const Names& names) {
    Result<pq::Rows> rows = session_.run(
        "reading the projection's tables",
        "SELECT projection_name, source_schema, source_table, target_schema, target_table, "
        "coalesce(key_to_come, '') FROM " +
            registry_ +
            " WHERE (target_schema = $1 AND target_table = $2) OR (projection_name = $3 AND source_schema = "
            "$4 "
            "AND source_table = $5)",
        {names.target.schema, names.target.table, context_.projection, names.schema, names.table});
    if (!rows.ok()) return rows.status();
    Registration found;
    for (int row = 0; row < rows->count(); ++row) {
        const auto text = [&](int column) { return std::string(rows->text(row, column)); };
        const std::string target = text(3) + "." + text(4);
        if (text(0) != context_.projection || text(1) != names.schema || text(2) != names.table) {
            return Status::fatal(
                "projection table " + target + " belongs to " + text(1) + "." + text(2) + " of projection " +
                    text(0) + ", so " + names.source() + " of projection " + context_.projection +
                    " can't be projected into it",
                "give each its own name (sink: table); if that projection is no more, delete its "
                "row from " +
                    settings_.ledger_schema + ".projection_table");
        }
        if (target != names.target.display()) {
            return Status::fatal(names.source() + " is projected into " + target + ", and would be into " +
                                     names.target.display() + " from here on",
                                 "set the sink's option table back, or take a new snapshot");
        }
        found = {true, text(5)};
    }
    return found;
}

Status TableKeeper::register_table(const Names& names, const Event& event, const std::string& key_to_come) {
    return session_
        .run("registering projection table " + names.target.display(),
             "INSERT INTO " + registry_ +
                 " (projection_name, source_schema, source_table, target_schema, target_table, source_id, "
                 "key_to_come) VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''))",
             {context_.projection, names.schema, names.table, names.target.schema, names.target.table,
              table_of(event), key_to_come})
        .status();
}

Status TableKeeper::expect(const std::string& schema, const std::string& table) {
    Result<TableDefinition> definition = context_.catalog->definition(schema, table, 0);
    if (!definition.ok()) return definition.status();
    const auto content = [](const std::string& name) {  // as an envelope would have it
        std::string text;
        append_json_string(text, name);
        return text.substr(1, text.size() - 2);
    };
    const std::string schema_content = content(schema), table_content = content(table);
    const std::string source_id = table_source_id(context_.cluster, context_.source.database, schema, table);
    Event event;
    event.op = Op::schema;
    event.schema = schema_content;
    event.table = table_content;
    event.source_id = source_id;
    return prepare(event, {}, std::move(definition).value()).status();
}

Status TableKeeper::empty_registered() {
    Result<pq::Rows> rows =
        session_.run("reading the projection's tables",
                     "SELECT source_schema, source_table, target_schema, target_table, source_id, "
                     "key_to_come IS NOT NULL FROM " +
                         registry_ + " WHERE projection_name = $1",
                     {context_.projection});
    if (!rows.ok()) return rows.status();
    for (int row = 0; row < rows->count(); ++row) {
        const auto text = [&](int column) { return std::string(rows->text(row, column)); };
        CDC_RETURN_IF_ERROR(empty({text(0), text(1), {text(2), text(3)}}, text(4), text(5) == "t"));
    }
    return {};
}

Status TableKeeper::begin_refill(const std::string& schema, const std::string& table) {
    Result<pq::Rows> rows =
        session_.run("marking the projection of " + schema + "." + table,
                     "UPDATE " + registry_ +
                         " SET refilling = true WHERE projection_name = $1 AND source_schema = $2 AND "
                         "source_table = $3 RETURNING target_schema, target_table, source_id",
                     {context_.projection, schema, table});
    if (!rows.ok()) return rows.status();
    if (rows->count() == 0) return {};
    const auto text = [&](int column) { return std::string(rows->text(0, column)); };
    known_.clear();  // it may be forgotten
    return empty({schema, table, {text(0), text(1)}}, text(2), false);
}

Status TableKeeper::mark_refilling(const std::string& schema, const std::string& table, bool refilling) {
    return session_
        .run("marking the projection of " + schema + "." + table,
             "UPDATE " + registry_ +
                 " SET refilling = $4 WHERE projection_name = $1 AND source_schema = $2 AND source_table = "
                 "$3",
             {context_.projection, schema, table, std::string(refilling ? "true" : "false")})
        .status();
}

Result<bool> TableKeeper::is_refilling(const Event& event) {
    Result<pq::Rows> rows =
        session_.run("looking whether a projection is refilled",
                     "SELECT refilling FROM " + registry_ +
                         " WHERE projection_name = $1 AND source_schema = $2 AND source_table = $3",
                     {context_.projection, unescape_json(event.schema), unescape_json(event.table)});
    if (!rows.ok()) return rows.status();
    return rows->count() == 1 && rows->text(0, 0) == "t";
}

// A table that someone has dropped, or that the option table now names otherwise, is forgotten: the snapshot
// makes it anew. One whose key is still to come has nothing but what is to go, and nothing to find a row by:
// where it is published, a DELETE would be refused.
Status TableKeeper::empty(const Names& names, const std::string& source_id, bool key_is_to_come) {
    Result<TargetTable> target = read_target_table(session_, names.target);
    if (!target.ok()) return target.status();
    if (target->find("_source_id") != nullptr) {
        Result<std::string> quoted = quoted_name(names.target);
        if (!quoted.ok()) return quoted.status();
        log_info("emptying projection table {} before the snapshot", names.target.display());
        const std::string where = "emptying projection table " + names.target.display();
        CDC_RETURN_IF_ERROR(
            key_is_to_come ? session_.run_script(where, "TRUNCATE " + *quoted)
                           : session_
                                 .run(where, "DELETE FROM " + *quoted + " AS t WHERE " + of_source_table("t"),
                                      {std::string(source_table(source_id))})
                                 .status());
    }
    Result<TargetName> now = target_name(settings_.table, names.schema, names.table);
    if (!now.ok()) return now.status();
    if (target->exists && now->display() == names.target.display()) return {};
    return session_
        .run("forgetting projection table " + names.target.display(),
             "DELETE FROM " + registry_ +
                 " WHERE projection_name = $1 AND source_schema = $2 AND source_table = $3",
             {context_.projection, names.schema, names.table})
        .status();
}

}  // namespace cdc::projection
