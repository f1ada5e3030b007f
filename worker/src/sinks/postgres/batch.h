// Batch: one SQL statement's worth of changes to one projection table, and Batcher, which makes them.
//
// Row by row would cost a statement for each event; the Batcher groups what may be done set-wise and keeps
// each table's own order: a group takes rows of one shape (action, columns) and at most one row of a key (a
// later image of the same key and shape replaces the earlier: only the transaction's end is seen). Changes of
// different tables commute, so each table has its own open group.
//
// Owner: the Applier. A Batch and the open groups hold views into the slice that is being read: flush before
// the slice ends. Thread: one. Failure: reject where an event can't be applied to its table (no key and no
// old image); fatal where the line is not an envelope.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "config/config.h"
#include "envelope/event.h"
#include "envelope/event_body.h"
#include "sinks/postgres/projection_table.h"
#include "sinks/postgres/row_json.h"

namespace cdc::projection {

enum class Action {
    upsert,         // rows by key
    tombstone,      // deletes by key that leave the row, marked
    remove,         // deletes by key
    clear_key,      // a tombstone that is in the way of a key that moves
    move_key,       // the row of an old key to a new one, before its upsert
    append,         // rows of a table without a key
    replace_one,    // one row of a table without a key, found by its old image
    tombstone_one,  // the same, deleted
    remove_one,     // the same, deleted
    tombstone_all,  // truncate
    remove_all,     // truncate
};

struct Batch {
    const ProjectionTable* table = nullptr;
    Action action = Action::upsert;
    std::vector<std::size_t> omitted;     // columns that are not in the events: their stored values stay
    std::vector<std::string> parameters;  // as statements.h lists them for the action
    std::vector<const Event*> events;     // whose changes these are
};

class Batcher {
  public:
    // json_as_string: the envelope carries json columns as strings of text (plugin option json=string).
    Batcher(config::Deletes deletes, bool json_as_string)
        : deletes_(deletes), json_as_string_(json_as_string) {}

    // A row event or a truncate of table.
    Status add(const ProjectionTable& table, const Event& event, const EventBody& body);
    // Every row of the table is gone though no event says so of each (truncate, drop).
    void add_all_gone(const ProjectionTable& table, const Event& event, const EventBody& body);
    // Closes the open groups.
    void flush();
    // The closed batches so far, in an order that keeps each table's own.
    std::vector<Batch> take();
    void clear();

  private:
    struct Group {
        Batch batch;
        std::vector<std::string> rows;
        std::unordered_map<std::string_view, std::size_t> row_of_key;
        std::size_t bytes = 0;
    };

    Status add_keyed(const ProjectionTable& table, const Event& event, const EventBody& body);
    Status add_keyless(const ProjectionTable& table, const Event& event, const EventBody& body);
    Status add_move(const ProjectionTable& table, const Event& event, const EventBody& body);
    Status add_row(Batch shape, std::string_view image, const Event& event, const EventBody& body);
    ImageOptions options(const EventBody& body, std::string_view image) const;
    void close(Group& group);
    void flush_table(const ProjectionTable& table);

    config::Deletes deletes_;
    bool json_as_string_;
    std::unordered_map<std::string_view, Group> open_;  // by the target's quoted name
    std::vector<Batch> closed_;
};

// "update of public.orders, source_id pg://…, commit_lsn 0/16B4F20, seq 2": names an event without its values
// other than the key.
std::string describe(const Event& event);

}  // namespace cdc::projection
