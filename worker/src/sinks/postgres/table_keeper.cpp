#include "sinks/postgres/table_keeper.h"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "envelope/event_reader.h"
#include "sinks/postgres/key_follower.h"
#include "sinks/postgres/statements.h"
#include "sinks/postgres/table_check.h"

namespace cdc::projection {
namespace {

// Definitions that are kept at hand: far more than a pipeline's tables at any one time, and some ten MB.
constexpr std::size_t most_known = 10000;
constexpr std::size_t few_tables = 64;  // not worth a look

std::string known_key(const Event& event) {
    std::string key(event.schema);
    key += '\0';
    key += event.table;
    key += '\0';
    return key + std::to_string(event.schema_version);
}

// The events' own key decides where there is one: which columns it has depends on the replica identity.
Result<std::vector<std::string>> key_of(const Event& event, const TableDefinition& definition) {
    if (!event.is_row()) return definition.key;
    if (event.key.empty()) {
        const bool by_image = event.source_id.find("/ROW:") != std::string_view::npos;
        return by_image ? std::vector<std::string>() : definition.key;
    }
    Result<std::vector<std::pair<std::string, std::string_view>>> members = read_members(event.key);
    if (!members.ok()) return members.status();
    std::vector<std::string> names;
    for (const auto& [name, value] : *members)
        names.push_back(name);
    return names;
}

// The members of the image that the table has no column for. Only where the version is not recorded: a
// recorded one says what the columns are.
Result<std::vector<std::string>> unexplained(const ProjectionTable& table, const EventBody& body) {
    std::vector<std::string> names;
    if (body.after.empty()) return names;
    Result<std::vector<std::pair<std::string, std::string_view>>> members = read_members(body.after);
    if (!members.ok()) return members.status();
    for (const auto& [name, value] : *members) {
        const bool column =
            std::ranges::find(table.columns, name, &ProjectionColumn::name) != table.columns.end();
        if (!column && std::ranges::find(table.ignored, name) == table.ignored.end()) names.push_back(name);
    }
    return names;
}

}  // namespace

Status TableKeeper::open() {
    Result<bool> same = target_is_source();
    if (!same.ok()) return same.status();
    target_is_source_ = *same;
    for (const char* name : {"projection_ledger", "projection_position", "projection_table"})
        CDC_RETURN_IF_ERROR(refuse_captured({settings_.ledger_schema, name}, "the sink's own table"));
    return {};
}

Result<bool> TableKeeper::target_is_source() {
    const std::string where = "finding out which database the target is";
    Result<pq::Rows> rows =
        session_.run(where, "SELECT system_identifier::text, current_database() FROM pg_control_system()");
    if (rows.ok()) {
        return rows->text(0, 0) == context_.source.system_identifier &&
               rows->text(0, 1) == context_.source.database;
    }
    if (rows.status().code() != StatusCode::fatal) return rows.status();
    // Some hosts keep the identifier from plain roles. The source's database is the one that has the slot.
    rows = session_.run(
        where, "SELECT FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()",
        {context_.slot});
    if (!rows.ok()) return rows.status();
    return rows->count() > 0;
}

Status TableKeeper::refuse_captured(const TargetName& target, const std::string& what) const {
    if (!target_is_source_ || !context_.captures || !context_.captures(target.schema, target.table))
        return {};
    return Status::fatal(
        what + " " + target.display() +
            " is in the source database and captured by the pipeline itself: it would feed itself",
        "exclude it (source: exclude_tables), or use another database");
}

Result<TableKeeper::Names> TableKeeper::names_of(const Event& event) const {
    Names names;
    names.schema = unescape_json(event.schema);
    names.table = unescape_json(event.table);
    Result<TargetName> target = target_name(settings_.table, names.schema, names.table);
    if (!target.ok()) return target.status();
    names.target = std::move(target).value();
    return names;
}

const ProjectionTable* TableKeeper::known(const Event& event, const EventBody& body) {
    const auto found = known_.find(known_key(event));
    if (found == known_.end()) return nullptr;
    if (event.schema_version == 0 && event.is_row()) {
        const Result<std::vector<std::string>> names = unexplained(*found->second, body);
        if (!names.ok() || !names.value().empty()) return nullptr;
    }
    return found->second;
}

bool TableKeeper::is_as(const Event& event, const TableDefinition& definition) const {
    const auto found = known_.find(known_key(event));
    return found != known_.end() && !definition.fingerprint.empty() &&
           found->second->fingerprint == definition.fingerprint;
}

Result<const ProjectionTable*> TableKeeper::prepare(const Event& event, const EventBody& body) {
    Result<TableDefinition> definition = context_.catalog->definition(
        unescape_json(event.schema), unescape_json(event.table), event.schema_version);
    if (!definition.ok()) return definition.status();
    return prepare(event, body, std::move(definition).value());
}

Result<const ProjectionTable*> TableKeeper::prepare(const Event& event, const EventBody& body,
                                                    TableDefinition definition) {
    Result<Names> names = names_of(event);
    if (!names.ok()) return names.status();
    for (ColumnDefinition& column : definition.columns) {
        if (context_.hashed && context_.hashed(names->schema, names->table, column.name))
            column.type = "text";
    }
    CDC_RETURN_IF_ERROR(check_definition(names->source(), definition));
    CDC_RETURN_IF_ERROR(refuse_captured(names->target, "projection table"));
    Result<std::vector<std::string>> key = key_of(event, definition);
    if (!key.ok()) return key.status();
    Result<std::vector<TypeInTarget>> types = look_up_types(session_, definition.columns);
    if (!types.ok()) return types.status();
    const Result<bool> deferred = make_ready(*names, event, definition, *key, *types);
    if (!deferred.ok()) return deferred.status();
    Result<ProjectionTable> table = describe_table(*names, definition, *key);
    if (!table.ok()) return table.status();
    table->schema_version = event.schema_version;
    table->fingerprint = definition.fingerprint;
    const Result<bool> fresh = loading_ && table->keyed() ? is_empty(session_, table->quoted) : false;
    if (!fresh.ok()) return fresh.status();
    table->fresh = *fresh;
    table->copied = table->copied && loading_ && (table->fresh || !table->keyed());
    if (*deferred && table->copied) CDC_RETURN_IF_ERROR(set_load_origin(*names, event, body, *table));
    if (event.schema_version == 0 && event.is_row()) {
        Result<std::vector<std::string>> left_out = unexplained(*table, body);
        if (!left_out.ok()) return left_out.status();
        for (const std::string& name : *left_out) {
            log_warning("column {} of {} is in the stream but not in the table any more: it is not projected",
                        name, names->source());
        }
        table->ignored = std::move(left_out).value();
    }
    tables_.push_back(std::make_unique<ProjectionTable>(std::move(table).value()));
    ++made_ready_;
    known_[known_key(event)] = tables_.back().get();
    return static_cast<const ProjectionTable*>(tables_.back().get());
}

bool TableKeeper::let_go() {
    if (tables_.size() < std::max(let_go_at_, few_tables)) return false;
    if (known_.size() >= most_known) known_.clear();
    std::unordered_set<const ProjectionTable*> used;
    for (const auto& [key, table] : known_)
        used.insert(table);
    std::erase_if(tables_, [&](const auto& table) { return !used.contains(table.get()); });
    let_go_at_ = 2 * tables_.size();
    return true;
}

void TableKeeper::learn(const Event& event, const TableDefinition& definition) {
    context_.catalog->learn(unescape_json(event.schema), unescape_json(event.table), event.schema_version,
                            definition);
}

// A definition that is not recorded is told because a row under it follows.
Result<bool> TableKeeper::is_to_be_made(const Event& event) {
    if (event.schema_version == 0) return true;
    return context_.catalog->is_ordinary(unescape_json(event.schema), unescape_json(event.table),
                                         event.schema_version);
}

Result<const ProjectionTable*> TableKeeper::registered(const Event& event) {
    Result<Names> names = names_of(event);
    if (!names.ok()) return names.status();
    const Result<Registration> known = registration(*names);
    if (!known.ok()) return known.status();
    if (!known->ours) return static_cast<const ProjectionTable*>(nullptr);
    Result<std::string> quoted = quoted_name(names->target);
    if (!quoted.ok()) return quoted.status();
    tables_.push_back(std::make_unique<ProjectionTable>());
    ++made_ready_;
    ProjectionTable& table = *tables_.back();
    table.source = names->source();
    table.target = names->target.display();
    table.quoted = std::move(quoted).value();
    return static_cast<const ProjectionTable*>(&table);
}

// The table exists, is registered, and can take rows of this definition.
Result<bool> TableKeeper::make_ready(const Names& names, const Event& event,
                                     const TableDefinition& definition, const std::vector<std::string>& key,
                                     const std::vector<TypeInTarget>& types) {
    const Result<Registration> known = registration(names);
    if (!known.ok()) return known.status();
    const bool registered = known->ours;
    Result<TargetTable> target = read_target_table(session_, names.target);
    if (!target.ok()) return target.status();
    if (!target->exists && registered) {
        return Status::fatal("projection table " + names.target.display() + " is gone",
                             "its rows are not in the stream any more: delete the projection's row from " +
                                 settings_.ledger_schema +
                                 ".projection_position and drop the slot to take a new "
                                 "snapshot");
    }
    const bool altered = target->exists && !target->writable;  // a view has its place: refused below
    const Result<bool> deferred = altered          ? Result<bool>(false)
                                  : target->exists ? key_stays_deferred(names, *known, key)
                                                   : may_defer_key(event, key);
    if (!deferred.ok()) return deferred.status();
    // Only the definition of the event itself says for sure what the key is, not that of the source's table
    // as it is now; and only a table of ours is changed for it.
    if (target->writable && registered && !*deferred &&
        (event.schema_version > 0 || event.op == Op::schema)) {
        Result<std::string> quoted = quoted_name(names.target);
        if (!quoted.ok()) return quoted.status();
        CDC_RETURN_IF_ERROR(follow_key(session_, names.target, *quoted, definition.key));
        target = read_target_table(session_, names.target);
        if (!target.ok()) return target.status();
    }
    if (!target->exists) {
        CDC_RETURN_IF_ERROR(create(names, definition, key, types, !*deferred));
    } else {
        if (registered) CDC_RETURN_IF_ERROR(retype_if_empty(names, definition, types, *target));
        CDC_RETURN_IF_ERROR(check_table(names.target.display(), definition, key, types, *target, registered));
        CDC_RETURN_IF_ERROR(add_missing_columns(names, definition, types, *target));
    }
    if (!registered)
        CDC_RETURN_IF_ERROR(register_table(names, event, *deferred ? json_array(key) : std::string()));
    if (key.empty() || *deferred) return deferred;
    Result<bool> unique = has_unique_index(session_, names.target, key);
    if (!unique.ok()) return unique.status();
    if (*unique) return false;
    std::string list;
    for (const std::string& column : key)
        list += (list.empty() ? "" : ", ") + column;
    return Status::fatal(
        "projection table " + names.target.display() + ": no primary key or unique index on (" + list +
            "), the source's key",
        "CREATE UNIQUE INDEX ON " + names.target.display() + " (" + list + "); then start again");
}

// Which columns there are, as the target has them now.
Result<ProjectionTable> TableKeeper::describe_table(const Names& names, const TableDefinition& definition,
                                                    const std::vector<std::string>& key) const {
    Result<TargetTable> target = read_target_table(session_, names.target);
    if (!target.ok()) return target.status();
    ProjectionTable table;
    table.source = names.source();
    table.target = names.target.display();
    Result<std::string> quoted = quoted_name(names.target);
    if (!quoted.ok()) return quoted.status();
    table.quoted = std::move(quoted).value();
    for (const ColumnDefinition& column : definition.columns) {
        const TargetColumn* found = target->find(column.name);
        if (found == nullptr) return Status::retry("projection table " + table.target + " is being changed");
        Result<std::string> name = session_.quote_identifier(column.name);
        if (!name.ok()) return name.status();
        table.columns.push_back(
            {column.name, std::move(name).value(), found->type, found->json, found->from});
        table.as_arrays = table.as_arrays && found->from != ColumnFrom::json;
    }
    table.ordered = target->ordered;
    table.copied = table.as_arrays && !target->ordered && !target->row_security;
    for (const std::string& name : key) {
        const auto column = std::ranges::find(table.columns, name, &ProjectionColumn::name);
        if (column == table.columns.end()) {
            return Status::fatal("key column " + name + " of " + table.source + " is not in its definition");
        }
        table.key.push_back(static_cast<std::size_t>(column - table.columns.begin()));
        table.key_is_canonical = table.key_is_canonical && target->find(name)->canonical_key;
    }
    return table;
}

Result<std::string> TableKeeper::quoted_name(const TargetName& name) const {
    Result<std::string> schema = session_.quote_identifier(name.schema);
    if (!schema.ok()) return schema;
    Result<std::string> table = session_.quote_identifier(name.table);
    if (!table.ok()) return table;
    return *schema + "." + *table;
}

Status TableKeeper::create(const Names& names, const TableDefinition& definition,
                           const std::vector<std::string>& key, const std::vector<TypeInTarget>& types,
                           bool with_key) {
    ProjectionTable table;
    Result<std::string> quoted = quoted_name(names.target);
    if (!quoted.ok()) return quoted.status();
    table.quoted = std::move(quoted).value();
    for (std::size_t i = 0; i < definition.columns.size(); ++i) {
        Result<std::string> name = session_.quote_identifier(definition.columns[i].name);
        if (!name.ok()) return name.status();
        table.columns.push_back({definition.columns[i].name, std::move(name).value(),
                                 projected_type(definition.columns[i], types[i])});
    }
    for (const std::string& name : key) {
        const auto column = std::ranges::find(table.columns, name, &ProjectionColumn::name);
        if (column == table.columns.end()) {
            return Status::fatal("key column " + name + " of " + names.source() +
                                 " is not in its definition");
        }
        table.key.push_back(static_cast<std::size_t>(column - table.columns.begin()));
    }
    CDC_RETURN_IF_ERROR(create_schema(names.target.schema));
    log_info("creating projection table {} for {}", names.target.display(), names.source());
    return session_.run_script("creating projection table " + names.target.display(),
                               create_table_sql(table, with_key));
}

Status TableKeeper::create_schema(const std::string& schema) {
    Result<pq::Rows> found =
        session_.run("looking for schema " + schema, "SELECT FROM pg_namespace WHERE nspname = $1", {schema});
    if (!found.ok()) return found.status();
    if (found->count() > 0) return {};
    Result<std::string> quoted = session_.quote_identifier(schema);
    if (!quoted.ok()) return quoted.status();
    return session_.run_script("creating schema " + schema, "CREATE SCHEMA IF NOT EXISTS " + *quoted);
}

// A table of ours that had no rows yet follows its source's types: nothing is there that had to be converted.
// (A migration that makes a table and then changes it is one of many.)
Status TableKeeper::retype_if_empty(const Names& names, const TableDefinition& definition,
                                    const std::vector<TypeInTarget>& types, TargetTable& target) {
    std::string changes;
    for (std::size_t i = 0; i < definition.columns.size(); ++i) {
        const TargetColumn* found = target.find(definition.columns[i].name);
        if (found == nullptr || type_fits(found->type, definition.columns[i], types[i])) continue;
        Result<std::string> name = session_.quote_identifier(found->name);
        if (!name.ok()) return name.status();
        changes += (changes.empty() ? " ALTER COLUMN " : ", ALTER COLUMN ") + *name + " TYPE " +
                   projected_type(definition.columns[i], types[i]) + " USING NULL";
    }
    if (changes.empty()) return {};
    Result<std::string> table = quoted_name(names.target);
    if (!table.ok()) return table.status();
    const Result<bool> empty = is_empty(session_, *table);
    if (!empty.ok() || !*empty) return empty.status();
    log_info("projection table {} has no rows yet, and gets the source's new types", names.target.display());
    CDC_RETURN_IF_ERROR(session_.run_script("changing types of projection table " + names.target.display(),
                                            "ALTER TABLE " + *table + changes));
    Result<TargetTable> changed = read_target_table(session_, names.target);
    if (!changed.ok()) return changed.status();
    target = std::move(changed).value();
    return {};
}

Status TableKeeper::add_missing_columns(const Names& names, const TableDefinition& definition,
                                        const std::vector<TypeInTarget>& types, const TargetTable& target) {
    for (std::size_t i = 0; i < definition.columns.size(); ++i) {
        const ColumnDefinition& column = definition.columns[i];
        if (target.find(column.name) != nullptr) continue;
        Result<std::string> table = quoted_name(names.target);
        if (!table.ok()) return table.status();
        Result<std::string> name = session_.quote_identifier(column.name);
        if (!name.ok()) return name.status();
        log_info("adding column {} to projection table {}: null in the rows until they change", column.name,
                 names.target.display());
        CDC_RETURN_IF_ERROR(session_.run_script(
            "adding column " + column.name + " to projection table " + names.target.display(),
            "ALTER TABLE " + *table + " ADD COLUMN " + *name + " " + projected_type(column, types[i])));
    }
    return {};
}

}  // namespace cdc::projection
