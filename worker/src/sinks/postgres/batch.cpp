#include "sinks/postgres/batch.h"

#include <algorithm>
#include <utility>

#include "envelope/event_reader.h"
#include "sinks/postgres/row_identity.h"
#include "sinks/postgres/statements.h"

namespace cdc::projection {
namespace {

// A statement's bounds: large enough that a round through the planner does not count, small enough that a
// result comes back while the next statement is being written.
constexpr std::size_t max_rows = 2000;
constexpr std::size_t max_bytes = 1u << 20;
// A table whose changes alternate between more shapes than this is closed now and then.
constexpr std::size_t max_groups = 8;

const char* op_name(Op op) {
    switch (op) {
        case Op::insert:
            return "insert";
        case Op::update:
            return "update";
        case Op::remove:
            return "delete";
        case Op::read:
            return "snapshot row";
        case Op::truncate:
            return "truncate";
        default:
            return "event";
    }
}

// The columns that the event does not carry a new value of, and whose stored value stays. Both lists name
// columns of either image: one whose old value alone is too long is in after, and counts. A new row keeps
// nothing: what may be stored under its key is a tombstone, or what a snapshot has read before.
Result<std::vector<std::size_t>> omitted_columns(const ProjectionTable& table, const Event& event,
                                                 const EventBody& body) {
    std::vector<std::size_t> omitted;
    if (event.op != Op::update) return omitted;
    if (body.unchanged.empty() && body.oversize.empty()) return omitted;
    Result<std::vector<std::pair<std::string, std::string_view>>> members = read_members(body.after);
    if (!members.ok()) return members.status();
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const std::string& name = table.columns[i].name;
        const bool listed = std::ranges::find(body.unchanged, name) != body.unchanged.end() ||
                            std::ranges::find(body.oversize, name) != body.oversize.end();
        const bool carried =
            std::ranges::any_of(*members, [&](const auto& member) { return member.first == name; });
        if (listed && !carried) omitted.push_back(i);
    }
    return omitted;
}

// What every changed row says of its origin: evidence_id, commit_lsn, schema_version, ts_source.
void append_origin(std::vector<Parameter>& parameters, const Event& event, const EventBody& body) {
    parameters.push_back(unescape_json(body.evidence_id));
    parameters.emplace_back(event.commit_lsn.to_string());
    parameters.push_back(std::to_string(event.schema_version));
    parameters.emplace_back(std::string(event.ts_source));
}

Status no_old_image(const Event& event, const char* why) {
    return Status::reject(
        describe(event) + ": " + why,
        "give the table a primary key, or ALTER TABLE … REPLICA IDENTITY FULL, and take the "
        "snapshot again");
}

bool has_origin(const Event& event, const EventBody& body, const LoadOrigin& origin) {
    return event.seq < 0 && event.commit_lsn == origin.commit_lsn &&
           event.schema_version == origin.schema_version && event.ts_source == origin.ts_source &&
           body.evidence_id == origin.evidence_id;
}

// A JSON array of one row.
Result<std::string> single_row(const ProjectionTable& table, const Event& event, std::string_view image,
                               const ImageOptions& options) {
    std::string row = "[";
    CDC_RETURN_IF_ERROR(append_row(row, table, event, image, options));
    row += ']';
    return row;
}

}  // namespace

std::string describe(const Event& event) {
    std::string text = std::string(op_name(event.op)) + " of " + unescape_json(event.schema) + "." +
                       unescape_json(event.table) + ", source_id " + std::string(event.source_id) +
                       ", commit_lsn " + event.commit_lsn.to_string();
    if (event.seq >= 0) text += ", seq " + std::to_string(event.seq);
    return text;
}

Status Batcher::add(const ProjectionTable& table, const Event& event, const EventBody& body,
                    const SlicePtr& slice) {
    if (event.op == Op::truncate && !event.partition.empty()) {
        // One partition was emptied, but under the root's name nothing tells which rows were of it.
        return Status::reject(describe(event) + ": partition " + unescape_json(event.partition) +
                                  " was truncated, and the projection does not know which rows it had",
                              "project partitions under their own names (source: partition: leaf), or take a "
                              "new snapshot");
    }
    if (event.op == Op::truncate) {
        add_all_gone(table, event, body, slice);
        return {};
    }
    return table.keyed() ? add_keyed(table, event, body, slice) : add_keyless(table, event, body, slice);
}

void Batcher::add_all_gone(const ProjectionTable& table, const Event& event, const EventBody& body,
                           const SlicePtr& slice) {
    flush_ordered(table);
    flush_table(table);
    const bool keep = deletes_ == config::Deletes::tombstone;
    Batch batch{&table, keep ? Action::tombstone_all : Action::remove_all, {}, {}, &event, slice};
    batch.parameters.emplace_back(std::string(source_table(event.source_id)));
    if (keep) {
        append_origin(batch.parameters, event, body);
        batch.parameters.emplace_back(std::to_string(event.seq));
    }
    closed_.push_back(std::move(batch));
}

Status Batcher::add_keyed(const ProjectionTable& table, const Event& event, const EventBody& body,
                          const SlicePtr& slice) {
    if (event.key.empty()) return no_old_image(event, "the event has no key, so its row can't be found");
    if (event.op == Op::read && table.copied) return add_to_load(table, event, body, slice);
    if (event.op == Op::remove) {
        const bool keep = deletes_ == config::Deletes::tombstone;
        const Action action = keep ? Action::tombstone : Action::remove;
        return add_row({table, action, {}, event.key, event, body, slice});
    }
    if (!event.old_source_id.empty()) CDC_RETURN_IF_ERROR(add_move(table, event, body, slice));
    Result<std::vector<std::size_t>> omitted = omitted_columns(table, event, body);
    if (!omitted.ok()) return omitted.status();
    const bool new_key = event.op == Op::read && table.fresh;
    const Action action = new_key ? Action::append : Action::upsert;
    return add_row({table, action, std::move(omitted).value(), body.after, event, body, slice});
}

// The row keeps what the WAL does not have, so it moves instead of being deleted and made anew. Only a
// tombstone can be in its way: the source's own key was free.
Status Batcher::add_move(const ProjectionTable& table, const Event& event, const EventBody& body,
                         const SlicePtr& slice) {
    if (body.before.empty()) return no_old_image(event, "the event changes the key and has no old key");
    flush_ordered(table);
    flush_table(table);
    Result<std::string> old_key = single_row(table, event, body.before, options(body, "before."));
    if (!old_key.ok()) return old_key.status();
    Result<std::string> new_key = single_row(table, event, event.key, options(body, "after."));
    if (!new_key.ok()) return new_key.status();
    closed_.push_back({&table, Action::clear_key, {}, {*new_key}, &event, slice});
    closed_.push_back({&table,
                       Action::move_key,
                       {},
                       {std::move(old_key).value(), std::move(new_key).value()},
                       &event,
                       slice});
    return {};
}

Status Batcher::add_keyless(const ProjectionTable& table, const Event& event, const EventBody& body,
                            const SlicePtr& slice) {
    if (event.op == Op::read && table.copied) return add_to_load(table, event, body, slice);
    Result<std::vector<std::size_t>> omitted = omitted_columns(table, event, body);
    if (!omitted.ok()) return omitted.status();
    if (event.op == Op::insert || event.op == Op::read) {
        return add_row({table, Action::append, std::move(omitted).value(), body.after, event, body, slice});
    }
    if (body.before.empty()) {
        return no_old_image(event,
                            "the table has no key and the event no old image, so its row can't be found");
    }
    flush_ordered(table);
    flush_table(table);
    const std::string old_identity = row_identity(event.source_id, body.before);
    Result<std::string> before = single_row(table, event, body.before, options(body, "before."));
    if (!before.ok()) return before.status();
    Batch batch{&table, Action::remove_one, {}, {old_identity, std::move(before).value()}, &event, slice};
    const bool update = event.op == Op::update;
    if (update || deletes_ == config::Deletes::tombstone) {
        batch.action = update ? Action::replace_one : Action::tombstone_one;
        if (update) batch.omitted = std::move(omitted).value();
        const std::string_view image = update ? body.after : body.before;
        const std::string identity = row_identity(event.source_id, image);
        ImageOptions image_options = options(body, update ? "after." : "before.");
        image_options.source_id = identity;
        Result<std::string> row = single_row(table, event, image, image_options);
        if (!row.ok()) return row.status();
        append_origin(batch.parameters, event, body);
        batch.parameters.emplace_back(std::move(row).value());
    }
    closed_.push_back(std::move(batch));
    return {};
}

ImageOptions Batcher::options(const EventBody& body, std::string_view image) const {
    ImageOptions made;
    made.json_null = &body.json_null;
    made.json_null_prefix = image;
    made.json_as_string = json_as_string_;
    return made;
}

// A delete's row is its key, which is of the old image.
ImageOptions Batcher::options(const Change& change) const {
    return options(change.body, change.event.op == Op::remove ? "before." : "after.");
}

Status Batcher::add_row(const Change& change) {
    const ProjectionTable& table = change.table;
    if (table.ordered) flush_ordered(table);
    Open& open = open_[table.quoted];
    if (open.table != &table) flush_table(table);
    open.table = &table;
    const std::string evidence_id = unescape_json(change.body.evidence_id);
    const auto same_shape = [&](const Group& group) {
        return group.batch.action == change.action && group.batch.omitted == change.omitted &&
               group.evidence_id == evidence_id;
    };
    if (const auto known = open.places.find(change.event.key); known != open.places.end()) {
        Group& group = open.groups[known->second.group];
        // What an upsert and then a tombstone leave: the upsert's values, and the delete's origin.
        const bool buried = group.batch.action == Action::upsert && change.action == Action::tombstone &&
                            group.evidence_id == evidence_id;
        if (!table.ordered && (buried || same_shape(group))) {
            const std::size_t before = group.rows.bytes();
            if (buried) {
                group.rows.bury(known->second.row, change.event);
            } else {
                CDC_RETURN_IF_ERROR(
                    group.rows.replace(known->second.row, change.image, change.event, options(change)));
            }
            open_bytes_ += group.rows.bytes() - before;
            return {};
        }
        flush_table(table);
    }
    auto group = std::ranges::find_if(open.groups, same_shape);
    const bool new_group = group == open.groups.end();
    const bool full = !new_group && (group->rows.size() >= max_rows ||
                                     group->rows.bytes() + change.image.size() > max_bytes);
    if (full || !table.key_is_canonical ||
        (new_group && open.groups.size() >= (table.ordered ? 1 : max_groups))) {
        flush_table(table);
        group = open.groups.end();
    }
    if (group == open.groups.end()) group = open_group(open, change, evidence_id);
    return append(open, static_cast<std::size_t>(group - open.groups.begin()), change);
}

Status Batcher::add_to_load(const ProjectionTable& table, const Event& event, const EventBody& body,
                            const SlicePtr& slice) {
    Open& open = open_[table.quoted];
    if (open.table != &table) flush_table(table);
    open.table = &table;
    const bool by_default = table.load_origin && has_origin(event, body, *table.load_origin);
    const Action action = by_default ? Action::load_short : Action::load;
    if (open.load && (open.load->rows.bytes() >= max_bytes || open.load->batch.action != action))
        close_load(open);
    if (!open.load)
        open.load.emplace(Batch{&table, action, {}, {}, &event, slice, 0}, CopyRows(table, !by_default));
    CopyRows& rows = open.load->rows;
    const std::size_t before = rows.bytes();
    CDC_RETURN_IF_ERROR(rows.append(body.after, event, body.evidence_id, options(body, "after.")));
    open_bytes_ += rows.bytes() - before;
    return {};
}

std::vector<Batcher::Group>::iterator Batcher::open_group(Open& open, const Change& change,
                                                          const std::string& evidence_id) {
    const bool keys_only = change.action == Action::remove;
    Batch batch{&change.table, change.action, change.omitted, {}, &change.event, change.slice, 0};
    if (!keys_only) {
        batch.parameters.emplace_back(evidence_id);
        batch.parameters.emplace_back(std::to_string(change.event.schema_version));
    }
    open.groups.push_back(
        {std::move(batch), evidence_id,
         RowSet(change.table, columns_of(change.table, change.action, change.omitted), keys_only)});
    return std::prev(open.groups.end());
}

Status Batcher::append(Open& open, std::size_t index, const Change& change) {
    RowSet& rows = open.groups[index].rows;
    const std::size_t before = rows.bytes();
    CDC_RETURN_IF_ERROR(rows.append(change.image, change.event, options(change)));
    open_bytes_ += rows.bytes() - before;
    if (open.slices.empty() || open.slices.back() != change.slice) open.slices.push_back(change.slice);
    if (!change.event.key.empty()) open.places.emplace(change.event.key, Place{index, rows.size() - 1});
    return {};
}

void Batcher::close(Group& group) {
    if (group.rows.empty()) return;
    group.batch.rows = group.rows.size();
    if (group.batch.action != Action::remove) {
        for (Parameter& parameter : group.rows.origins())
            group.batch.parameters.push_back(std::move(parameter));
    }
    for (Parameter& parameter : group.rows.take_rows())
        group.batch.parameters.push_back(std::move(parameter));
    closed_.push_back(std::move(group.batch));
}

void Batcher::close_load(Open& open) {
    if (!open.load) return;
    open_bytes_ -= open.load->rows.bytes();
    open.load->batch.rows = open.load->rows.size();
    open.load->batch.parameters.emplace_back(open.load->rows.take());
    closed_.push_back(std::move(open.load->batch));
    open.load.reset();
}

void Batcher::flush_table(const ProjectionTable& table) {
    const auto open = open_.find(table.quoted);
    if (open == open_.end()) return;
    close_load(open->second);
    for (Group& group : open->second.groups) {
        open_bytes_ -= group.rows.bytes();
        close(group);
    }
    open->second.groups.clear();
    open->second.places.clear();
    open->second.slices.clear();
}

// Closes every ordered table but one, if that is ordered: their changes may depend on each other.
void Batcher::flush_ordered(const ProjectionTable& but) {
    if (!but.ordered) return;
    for (const auto& [name, open] : open_) {
        if (name != but.quoted && open.table->ordered) flush_table(*open.table);
    }
}

void Batcher::flush() {
    for (const auto& [name, open] : open_)
        flush_table(*open.table);
}

std::vector<Batch> Batcher::take() {
    return std::exchange(closed_, {});
}

void Batcher::clear() {
    open_.clear();
    open_bytes_ = 0;
    closed_.clear();
}

}  // namespace cdc::projection
