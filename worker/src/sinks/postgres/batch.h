// Batch: one SQL statement's worth of changes to one projection table, and Batcher, which makes them.
//
// Row by row would cost a statement for each event; the Batcher groups what may be done set-wise, over slices
// and source transactions, and keeps the order that matters. A group takes rows of one shape (action,
// columns); the open groups of a table hold different keys, so that their order does not matter, and at most
// one row of a key (a later image of the same key and shape replaces the earlier, a delete that leaves a
// tombstone marks it). Where a key comes again in another shape, or rows must be in order beyond their keys
// (ProjectionTable::ordered), what is open is closed first. Changes of different tables commute, unless both
// are ordered.
//
// Owner: the Applier. A Batch and the open groups hold the slices that they have views into. Thread: one.
// Failure: reject where an event can't be applied to its table (no key and no old image); fatal where the
// line is not an envelope.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "config/config.h"
#include "envelope/event.h"
#include "envelope/event_body.h"
#include "envelope/slice.h"
#include "sinks/postgres/copy_rows.h"
#include "sinks/postgres/parameter.h"
#include "sinks/postgres/projection_table.h"
#include "sinks/postgres/row_json.h"
#include "sinks/postgres/row_set.h"

namespace cdc::projection {

enum class Action {
    upsert,         // rows by key
    tombstone,      // deletes by key that leave the row, marked
    remove,         // deletes by key
    clear_key,      // a tombstone that is in the way of a key that moves
    move_key,       // the row of an old key to a new one, before its upsert
    append,         // rows of a table without a key, or of new keys
    load,           // the same, as lines of a COPY
    load_short,     // as lines that leave their origin to the table's defaults (LoadOrigin)
    replace_one,    // one row of a table without a key, found by its old image
    tombstone_one,  // the same, deleted
    remove_one,     // the same, deleted
    tombstone_all,  // truncate
    remove_all,     // truncate
};

struct Batch {
    const ProjectionTable* table = nullptr;
    Action action = Action::upsert;
    std::vector<std::size_t> omitted;   // columns that are not in the events: their stored values stay
    std::vector<Parameter> parameters;  // as statements.h lists them for the action
    const Event* first = nullptr;       // the first event whose change it is, in `slice`
    SlicePtr slice;
    std::size_t rows = 1;
};

class Batcher {
  public:
    // json_as_string: the envelope carries json columns as strings of text (plugin option json=string).
    Batcher(config::Deletes deletes, bool json_as_string)
        : deletes_(deletes), json_as_string_(json_as_string) {}

    // A row event or a truncate of table; slice holds it.
    Status add(const ProjectionTable& table, const Event& event, const EventBody& body,
               const SlicePtr& slice);
    // Every row of the table is gone though no event says so of each (truncate, drop).
    void add_all_gone(const ProjectionTable& table, const Event& event, const EventBody& body,
                      const SlicePtr& slice);
    // Closes the open groups.
    void flush();
    // The closed batches so far, in an order that keeps what matters.
    std::vector<Batch> take();
    void clear();
    // What the open groups have, in bytes of their rows.
    std::size_t open_bytes() const { return open_bytes_; }

  private:
    // What an event's change is, before its row is encoded.
    struct Change {
        const ProjectionTable& table;
        Action action;
        std::vector<std::size_t> omitted;
        std::string_view image;
        const Event& event;
        const EventBody& body;
        const SlicePtr& slice;
    };
    struct Group {
        Batch batch;
        std::string evidence_id;
        RowSet rows;
    };
    struct Place {
        std::size_t group = 0;
        std::size_t row = 0;
    };
    // Lines that are to be copied. Their keys are new; where two are one after all, the target refuses them.
    struct Load {
        Batch batch;
        CopyRows rows;
    };
    // The open groups of one table, and where each of their keys is.
    struct Open {
        const ProjectionTable* table = nullptr;  // one definition at a time
        std::optional<Load> load;
        std::vector<Group> groups;
        std::unordered_map<std::string_view, Place> places;
        std::vector<SlicePtr> slices;  // that the keys are views into
    };

    Status add_keyed(const ProjectionTable& table, const Event& event, const EventBody& body,
                     const SlicePtr& slice);
    Status add_keyless(const ProjectionTable& table, const Event& event, const EventBody& body,
                       const SlicePtr& slice);
    Status add_move(const ProjectionTable& table, const Event& event, const EventBody& body,
                    const SlicePtr& slice);
    Status add_row(const Change& change);
    Status add_to_load(const ProjectionTable& table, const Event& event, const EventBody& body,
                       const SlicePtr& slice);
    std::vector<Group>::iterator open_group(Open& open, const Change& change, const std::string& evidence_id);
    Status append(Open& open, std::size_t index, const Change& change);
    ImageOptions options(const EventBody& body, std::string_view image) const;
    ImageOptions options(const Change& change) const;
    void close(Group& group);
    void close_load(Open& open);
    void flush_table(const ProjectionTable& table);
    void flush_ordered(const ProjectionTable& but);

    config::Deletes deletes_;
    bool json_as_string_;
    std::unordered_map<std::string_view, Open> open_;  // by the target's quoted name
    std::size_t open_bytes_ = 0;
    std::vector<Batch> closed_;
};

// "update of public.orders, source_id pg://…, commit_lsn 0/16B4F20, seq 2": names an event without its values
// other than the key.
std::string describe(const Event& event);

}  // namespace cdc::projection
