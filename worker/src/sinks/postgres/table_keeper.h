// TableKeeper: the projection's tables. It makes them, adds what a source has gained, and refuses, with the
// way out, a table that is not as the sink needs it; it never changes a table that it did not make.
//
// A table belongs to one projection, which projection_table (ledger.h) records: what is registered there may
// be altered by ADD COLUMN and emptied before a snapshot. A table that the initial snapshot makes gets its
// key when its rows are there (docs/decisions/0332); the register says so until it has it.
//
// Owner: the PostgresSink; its tables live as long as it does. Thread: one. Failure: fatal where a table is
// not as it must be, retry where the source's catalogue or the target can't be reached.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/config.h"
#include "envelope/event.h"
#include "envelope/event_body.h"
#include "envelope/table_definition.h"
#include "sinks/postgres/projection_table.h"
#include "sinks/postgres/session.h"
#include "sinks/postgres/target_catalog.h"
#include "sinks/postgres/target_name.h"
#include "sinks/sink.h"

namespace cdc::projection {

class TableKeeper {
  public:
    // All are the caller's and outlive it. registry: projection_table, quoted.
    TableKeeper(Session& session, const config::PostgresSink& settings, const SinkContext& context,
                std::string registry)
        : session_(session), settings_(settings), context_(context), registry_(std::move(registry)) {}

    // Refuses a ledger that the pipeline itself would capture. Finds out whether the target is the source.
    Status open();

    // The table of a row event or a truncate, where it is known; nullptr where prepare must be called first.
    const ProjectionTable* known(const Event& event, const EventBody& body);
    // Whether the table of a schema event is known under this very definition: an unrecorded one is told
    // again in every transaction.
    bool is_as(const Event& event, const TableDefinition& definition) const;
    // Makes or checks the table of an event; waits for the target. Only while the session is idle, and inside
    // the transaction that holds the event.
    Result<const ProjectionTable*> prepare(const Event& event, const EventBody& body);
    // The same where the definition is at hand (a schema event's after).
    Result<const ProjectionTable*> prepare(const Event& event, const EventBody& body,
                                           TableDefinition definition);

    // A recorded definition that a schema event brought: prepare has it at hand then.
    void learn(const Event& event, const TableDefinition& definition);
    // Whether a table that a schema event tells of, and that has no projection, is to have one before its
    // first row. Asks the source.
    Result<bool> is_to_be_made(const Event& event);

    // Makes or checks the table of a source table that has no event yet, as it is now. Waits, as prepare
    // does.
    Status expect(const std::string& schema, const std::string& table);

    // The projection of an event's table where there is one, nullptr where there is none: enough of it for a
    // change of all rows. Waits, as prepare does.
    Result<const ProjectionTable*> registered(const Event& event);

    // The initial snapshot begins: from here until forget(), a table that is empty when it is made ready is
    // fresh.
    void begin_load() {
        known_.clear();
        loading_ = true;
    }
    // What is known of the tables is looked at again when they are next needed: after a rollback, or where
    // the target may have been changed under us. No table is fresh from here on.
    void forget() {
        known_.clear();
        loading_ = false;
    }
    // How often a table was made ready so far.
    std::size_t made_ready() const { return made_ready_; }
    // Lets go of the tables that a later definition replaced, and of all where there are very many: whoever
    // runs for months sees tables come and go. Only where nobody points to a table any more. True where it
    // did.
    bool let_go();
    // How many tables are held, for that.
    std::size_t held() const { return tables_.size(); }

    // Makes the keys that tables were left without while a snapshot was loaded into them, each in a
    // transaction of its own, which waits for no disk. Waits, as prepare does; retry where the pipeline ends
    // meanwhile, and what is made stays.
    Status make_keys();

    // Empties every table that is registered for the projection; waits. Inside the caller's transaction.
    Status empty_registered();

    // All rows of a source table (unquoted names) come anew, as nothing identifies them: it is emptied, and
    // marked until mark_refilling says that it is whole. A table that is not registered has nothing yet. They
    // wait, as prepare does.
    Status begin_refill(const std::string& schema, const std::string& table);
    Status mark_refilling(const std::string& schema, const std::string& table, bool refilling);
    // Whether an event's table is marked so: a row that it changes may be one that is still to come.
    Result<bool> is_refilling(const Event& event);

  private:
    struct Names {
        std::string schema;  // of the source, unquoted
        std::string table;
        TargetName target;

        std::string source() const { return schema + "." + table; }
    };
    Result<bool> target_is_source();
    Result<Names> names_of(const Event& event) const;
    Result<std::string> quoted_name(const TargetName& name) const;
    Status refuse_captured(const TargetName& target, const std::string& what) const;
    // Whether its key is still to come.
    Result<bool> make_ready(const Names& names, const Event& event, const TableDefinition& definition,
                            const std::vector<std::string>& key, const std::vector<TypeInTarget>& types);
    Result<ProjectionTable> describe_table(const Names& names, const TableDefinition& definition,
                                           const std::vector<std::string>& key) const;
    Status create(const Names& names, const TableDefinition& definition, const std::vector<std::string>& key,
                  const std::vector<TypeInTarget>& types, bool with_key);
    Status create_schema(const std::string& schema);
    Status retype_if_empty(const Names& names, const TableDefinition& definition,
                           const std::vector<TypeInTarget>& types, TargetTable& target);
    Status add_missing_columns(const Names& names, const TableDefinition& definition,
                               const std::vector<TypeInTarget>& types, const TargetTable& target);
    // What projection_table says of a source table.
    struct Registration {
        bool ours = false;
        std::string key_to_come;  // empty: it has its key
    };
    // Fatal where the target belongs to another source table or projection.
    Result<Registration> registration(const Names& names);
    Status empty(const Names& names, const std::string& source_id, bool key_is_to_come);
    Status register_table(const Names& names, const Event& event, const std::string& key_to_come);
    // deferred_key.cpp
    Result<bool> may_defer_key(const Event& event, const std::vector<std::string>& key);
    Result<bool> key_stays_deferred(const Names& names, const Registration& registration,
                                    const std::vector<std::string>& key);
    Status set_load_origin(const Names& names, const Event& event, const EventBody& body,
                           ProjectionTable& table);
    Status make_key(const Names& names, const std::string& key_to_come);

    Session& session_;
    const config::PostgresSink& settings_;
    const SinkContext& context_;
    std::string registry_;
    bool target_is_source_ = false;
    bool loading_ = false;
    // By source schema, table (as in the event) and schema_version. A replaced table stays until let_go:
    // batches point to it.
    std::map<std::string, const ProjectionTable*> known_;
    std::vector<std::unique_ptr<ProjectionTable>> tables_;
    std::size_t let_go_at_ = 0;  // how many are held before a look is worth its time
    std::size_t made_ready_ = 0;
};

}  // namespace cdc::projection
