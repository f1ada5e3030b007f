#include "sinks/postgres/applier.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "envelope/event_reader.h"
#include "envelope/table_definition.h"

namespace cdc::projection {
namespace {

// What the open groups hold before it is sent: enough for a statement to be worth its cost.
constexpr std::size_t send_bytes = 256u << 10;

void warn_of_oversize(const Event& event, const EventBody& body) {
    for (const std::string& column : body.oversize) {
        log_warning(
            "{}: a value of column {} is longer than max_value_bytes and was left out: where it is the new "
            "one that is missing, the projection {}",
            describe(event), column, event.op == Op::update ? "keeps the old one" : "has null");
    }
}

}  // namespace

void Applier::set_position(Lsn position) {
    position_ = position;
    confirmed_ = position;
    durable_ = position;
}

Status Applier::apply(const SlicePtr& slice) {
    if (failure_.ok()) failure_ = apply_slice(slice);
    return failure_;
}

Status Applier::apply_slice(const SlicePtr& slice) {
    load_of_slice_ = sent_loads_ + 1;
    if (slice->kind == SliceKind::message) return {};  // belongs to no commit, and to no table
    if (slice->kind == SliceKind::transaction) {
        CDC_RETURN_IF_ERROR(start(*slice));
        if (slice->last) in_slices_ = false;
        if (skipping_) return {};
        // Those before a long transaction do not wait for its end.
        if (slice->first && !slice->last && has_load()) CDC_RETURN_IF_ERROR(commit_load());
        load_of_slice_ = sent_loads_ + 1;
    }
    CDC_RETURN_IF_ERROR(begin_refill(*slice));
    for (const Event& event : slice->events) {
        if (slice->kind == SliceKind::transaction) CDC_RETURN_IF_ERROR(count_.take(event));
        if (event.op == Op::begin || event.op == Op::end) continue;
        Result<EventBody> body = read_body(event);
        if (!body.ok()) return body.status();
        note(event, *body);
        CDC_RETURN_IF_ERROR(apply_event(event, *body, slice));
    }
    if (slice->kind == SliceKind::snapshot && !load_.snapshot) {
        load_.snapshot = true;
        load_.since = Clock::now();
    }
    CDC_RETURN_IF_ERROR(note_refill(*slice));
    take_progress(*slice);
    load_.rows += slice->events.size();
    load_.bytes += slice->bytes.size();
    if (batcher_.open_bytes() >= send_bytes) CDC_RETURN_IF_ERROR(send_batches());
    if (slice->kind == SliceKind::transaction && slice->last) {
        CDC_RETURN_IF_ERROR(finish_transaction(*slice));
        return has_load() && load_is_large() ? commit_load() : Status();
    }
    // Rows of a snapshot share a load until it is large, or nothing more is queued.
    if (slice->kind == SliceKind::snapshot && load_is_large()) return commit_load();
    return {};
}

void Applier::take_progress(const Slice& slice) {
    if (slice.snapshot_progress.empty()) return;
    load_.snapshot_progress = slice.snapshot_progress;
    load_.progress_number = std::max(load_.progress_number, slice.progress_number);
}

// In the transaction of the first rows, so that who reads the projection sees no state without either.
Status Applier::begin_refill(const Slice& slice) {
    if (!slice.refill || !slice.refill->begins) return {};
    CDC_RETURN_IF_ERROR(wait_in_transaction());
    return tables_.begin_refill(slice.refill->schema, slice.refill->table);
}

// A table whose first row came with this slice is registered now, and can be marked.
Status Applier::note_refill(const Slice& slice) {
    if (!slice.refill || (!slice.refill->begins && !slice.refill->ends)) return {};
    CDC_RETURN_IF_ERROR(wait_in_transaction());
    return tables_.mark_refilling(slice.refill->schema, slice.refill->table, !slice.refill->ends);
}

Status Applier::start(const Slice& slice) {
    if (slice.first != in_slices_) {
        if (!slice.first) return {};
        in_slices_ = true;
        // Stored is the end LSN of the last transaction applied: one whose commit record starts before it is
        // that one or earlier.
        skipping_ = slice.commit_lsn < std::max(position_, load_.to);
        transaction_ = {};
        return {};
    }
    return Status::fatal(slice.first ? "a transaction begins before the one before it has ended"
                                     : "the stream begins in the middle of a transaction");
}

// What the ledger says of the transaction at hand, whatever becomes of the event.
void Applier::note(const Event& event, const EventBody& body) {
    if (event.op == Op::message) return;
    ++transaction_.changes;
    transaction_.schema_version = std::max(transaction_.schema_version, event.schema_version);
    if (transaction_.evidence_id.empty()) transaction_.evidence_id = unescape_json(body.evidence_id);
    if (!body.oversize.empty()) warn_of_oversize(event, body);
}

Status Applier::apply_event(const Event& event, const EventBody& body, const SlicePtr& slice) {
    if (event.op == Op::message) return {};
    if (event.op == Op::schema) return apply_schema_change(event, body, slice);
    Result<const ProjectionTable*> table = table_of(event, body);
    if (!table.ok()) return table.status();
    return batcher_.add(**table, event, body, slice);
}

// A new definition reaches the target at once, not with the first row under it. A dropped table's rows are
// gone at the source though no event says so of each. A table that is new gets its projection, so that who
// reads it finds it empty and not missing; one that may have no rows under its own name (it is partitioned,
// or a partition) gets it with its first row.
Status Applier::apply_schema_change(const Event& event, const EventBody& body, const SlicePtr& slice) {
    TableDefinition definition;
    if (!body.after.empty()) {
        Result<TableDefinition> parsed = parse_table_definition(body.after);
        if (!parsed.ok()) return parsed.status();
        definition = std::move(parsed).value();
        if (tables_.is_as(event, definition)) return {};
        tables_.learn(event, definition);
    }
    CDC_RETURN_IF_ERROR(wait_in_transaction());
    Result<const ProjectionTable*> table = tables_.registered(event);
    if (!table.ok()) return table.status();
    if (*table == nullptr) {
        if (!body.before.empty() && !body.after.empty()) {
            log_warning(
                "{}.{} has a new definition and no projection yet: if it was renamed, its rows so far stay "
                "under the old name until a new snapshot",
                unescape_json(event.schema), unescape_json(event.table));
        }
        const Result<bool> wanted = body.after.empty() ? false : tables_.is_to_be_made(event);
        if (!wanted.ok() || !*wanted) return wanted.status();
        return tables_.prepare(event, body, std::move(definition)).status();
    }
    if (body.after.empty()) {
        batcher_.add_all_gone(**table, event, body, slice);
        return {};
    }
    return tables_.prepare(event, body, std::move(definition)).status();
}

Result<const ProjectionTable*> Applier::table_of(const Event& event, const EventBody& body) {
    if (const ProjectionTable* table = tables_.known(event, body)) return table;
    CDC_RETURN_IF_ERROR(wait_in_transaction());
    return tables_.prepare(event, body);
}

// What a table needs is done in the transaction of its event, between the changes before and after it. All
// batches are answered then, so that nothing points to a table.
Status Applier::wait_in_transaction() {
    CDC_RETURN_IF_ERROR(send_batches());
    CDC_RETURN_IF_ERROR(begin());
    CDC_RETURN_IF_ERROR(settle());
    if (tables_.let_go()) {
        batcher_.clear();
        sql_.clear();
    }
    return {};
}

}  // namespace cdc::projection
