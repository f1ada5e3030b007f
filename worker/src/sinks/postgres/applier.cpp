#include "sinks/postgres/applier.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.h"
#include "envelope/event_reader.h"
#include "envelope/table_definition.h"
#include "sinks/postgres/statements.h"

namespace cdc::projection {
namespace {

Ticket ticket_for(Purpose purpose) {
    Ticket ticket;
    ticket.purpose = purpose;
    return ticket;
}

void warn_of_oversize(const Event& event, const EventBody& body) {
    for (const std::string& column : body.oversize) {
        log_warning(
            "{}: a value of column {} is longer than max_value_bytes and was left out: the projection keeps "
            "the old one where it is the new one that is missing",
            describe(event), column);
    }
}

}  // namespace

void Applier::set_position(Lsn position) {
    position_ = position;
    durable_ = position;
}

Status Applier::apply(const SlicePtr& slice) {
    if (failure_.ok()) failure_ = apply_slice(slice);
    return failure_;
}

Status Applier::apply_slice(const SlicePtr& slice) {
    if (slice->kind == SliceKind::message) return {};  // belongs to no commit, and to no table
    if (slice->kind == SliceKind::transaction) {
        CDC_RETURN_IF_ERROR(start(*slice));
        if (slice->last) in_slices_ = false;
        if (skipping_) return {};
    }
    for (const Event& event : slice->events)
        CDC_RETURN_IF_ERROR(apply_event(event, slice));
    batcher_.flush();
    CDC_RETURN_IF_ERROR(send_batches(slice));
    if (slice->kind == SliceKind::transaction && slice->last) {
        CDC_RETURN_IF_ERROR(finish_transaction(*slice));
    } else if (slice->kind == SliceKind::snapshot && begun_) {
        PositionMove move;
        move.from = move.to = position_;
        CDC_RETURN_IF_ERROR(commit(std::move(move)));
    }
    return session_.request_results();
}

Status Applier::start(const Slice& slice) {
    if (slice.first != in_slices_) {
        if (!slice.first) return {};
        in_slices_ = true;
        // Stored is the end LSN of the last transaction applied: one whose commit record starts before it is
        // that one or earlier.
        skipping_ = slice.commit_lsn < position_;
        transaction_ = {};
        return {};
    }
    return Status::fatal(slice.first ? "a transaction begins before the one before it has ended"
                                     : "the stream begins in the middle of a transaction");
}

Status Applier::apply_event(const Event& event, const SlicePtr& slice) {
    if (event.op == Op::begin) return {};
    Result<EventBody> body = read_body(event);
    if (!body.ok()) return body.status();
    if (event.op == Op::end) return check_end(event, *body);
    ++transaction_.events;
    if (event.op == Op::message) return {};
    transaction_.schema_version = std::max(transaction_.schema_version, event.schema_version);
    transaction_.evidence_id = unescape_json(body->evidence_id);
    if (event.op == Op::schema) return apply_schema_change(event, *body, slice);
    if (!body->oversize.empty()) warn_of_oversize(event, *body);
    return apply_change(event, *body, slice);
}

Status Applier::check_end(const Event& event, const EventBody& body) const {
    if (body.events < 0 || body.events == transaction_.events) return {};
    return Status::fatal("transaction with commit_lsn " + event.commit_lsn.to_string() + " came with " +
                             std::to_string(transaction_.events) + " events, but has " +
                             std::to_string(body.events),
                         "events were lost between the output plugin and the sink: report this as a bug");
}

Status Applier::apply_change(const Event& event, const EventBody& body, const SlicePtr& slice) {
    Result<const ProjectionTable*> table = table_of(event, body, slice);
    if (!table.ok()) return table.status();
    return batcher_.add(**table, event, body);
}

// A new definition reaches the target at once, not with the first row under it. A dropped table's rows are
// gone at the source though no event says so of each. A table without a projection gets one with its first
// row.
Status Applier::apply_schema_change(const Event& event, const EventBody& body, const SlicePtr& slice) {
    TableDefinition definition;
    if (!body.after.empty()) {
        Result<TableDefinition> parsed = parse_table_definition(body.after);
        if (!parsed.ok()) return parsed.status();
        definition = std::move(parsed).value();
        if (tables_.is_as(event, definition)) return {};
    }
    CDC_RETURN_IF_ERROR(wait_in_transaction(slice));
    Result<const ProjectionTable*> table = tables_.registered(event);
    if (!table.ok()) return table.status();
    if (*table == nullptr) {
        if (!body.before.empty() && !body.after.empty()) {
            log_warning(
                "{}.{} has a new definition and no projection yet: if it was renamed, its rows so far stay "
                "under the old name until a new snapshot",
                unescape_json(event.schema), unescape_json(event.table));
        }
        return {};
    }
    if (body.after.empty()) {
        batcher_.add_all_gone(**table, event, body);
        return {};
    }
    return tables_.prepare(event, body, std::move(definition)).status();
}

Result<const ProjectionTable*> Applier::table_of(const Event& event, const EventBody& body,
                                                 const SlicePtr& slice) {
    if (const ProjectionTable* table = tables_.known(event, body)) return table;
    CDC_RETURN_IF_ERROR(wait_in_transaction(slice));
    return tables_.prepare(event, body);
}

// What a table needs is done in the transaction of its event, between the changes before and after it.
Status Applier::wait_in_transaction(const SlicePtr& slice) {
    batcher_.flush();
    CDC_RETURN_IF_ERROR(send_batches(slice));
    CDC_RETURN_IF_ERROR(begin());
    return settle();
}

Status Applier::begin() {
    if (begun_) return {};
    begun_ = true;
    return session_.send("BEGIN", {}, ticket_for(Purpose::begin));
}

const std::string& Applier::sql_of(const Batch& batch) {
    std::string& sql = sql_[{batch.table, batch.action, batch.omitted}];
    if (sql.empty()) sql = statement_sql(*batch.table, batch.action, batch.omitted);
    return sql;
}

Status Applier::send_batches(const SlicePtr& slice) {
    for (Batch& batch : batcher_.take()) {
        CDC_RETURN_IF_ERROR(begin());
        const std::string& sql = sql_of(batch);
        const std::vector<std::string> parameters = std::exchange(batch.parameters, {});
        Ticket ticket = ticket_for(Purpose::change);
        ticket.slice = slice;
        ticket.batch = std::move(batch);
        CDC_RETURN_IF_ERROR(session_.send(sql, parameters, std::move(ticket)));
    }
    return {};
}

Status Applier::finish_transaction(const Slice& slice) {
    if (!slice.end_lsn) return Status::fatal("the last slice of a transaction has no end LSN");
    if (!begun_) {
        passed_ = slice.end_lsn;
        return {};
    }
    PositionMove move;
    move.from = position_;
    move.to = slice.end_lsn;
    move.durable = !durable_under_way_;
    move.has_ledger_row = true;
    move.commit_lsn = slice.commit_lsn;
    move.evidence_id = transaction_.evidence_id;
    move.batch_id = std::to_string(slice.xid);
    move.schema_version = transaction_.schema_version;
    return commit(std::move(move));
}

Status Applier::commit(PositionMove move) {
    CDC_RETURN_IF_ERROR(begin());
    CDC_RETURN_IF_ERROR(ledger_.send_move(session_, move, ticket_for(Purpose::position)));
    Ticket ticket = ticket_for(Purpose::commit);
    ticket.end_lsn = move.to;
    ticket.durable = move.durable;
    CDC_RETURN_IF_ERROR(session_.send("COMMIT", {}, std::move(ticket)));
    begun_ = false;
    position_ = move.to;
    loose_commits_ = !move.durable;
    durable_under_way_ = durable_under_way_ || move.durable;
    return {};
}

Status Applier::send_position(Lsn to) {
    if (!failure_.ok()) return failure_;
    PositionMove move;
    move.from = position_;
    move.to = to;
    move.durable = true;
    CDC_RETURN_IF_ERROR(commit(std::move(move)));
    return session_.request_results();
}

Status Applier::send_snapshot_end(Lsn consistent_point) {
    if (!failure_.ok()) return failure_;
    PositionMove move;
    move.from = move.to = consistent_point;
    move.durable = true;
    move.has_ledger_row = !transaction_.evidence_id.empty();  // an empty snapshot has nothing to account for
    move.commit_lsn = consistent_point;
    move.evidence_id = transaction_.evidence_id;
    move.batch_id = "snapshot";
    move.schema_version = transaction_.schema_version;
    CDC_RETURN_IF_ERROR(commit(std::move(move)));
    return session_.request_results();
}

Status Applier::receive() {
    while (std::optional<Reply> reply = session_.receive()) {
        if (!failure_.ok()) return failure_;
        failure_ = handle(std::move(*reply));
    }
    return failure_;
}

Status Applier::settle() {
    if (!failure_.ok()) return failure_;
    CDC_RETURN_IF_ERROR(session_.send_sync());
    while (!session_.idle()) {
        CDC_RETURN_IF_ERROR(session_.exchange());
        CDC_RETURN_IF_ERROR(receive());
        if (!session_.idle()) session_.wait(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    }
    return {};
}

Status Applier::handle(Reply reply) {
    switch (PQresultStatus(reply.result.get())) {
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
        case PGRES_PIPELINE_SYNC:
            break;
        default:
            return failure_of(reply);
    }
    if (reply.ticket.purpose == Purpose::commit && reply.ticket.durable) {
        durable_under_way_ = false;
        durable_ = std::max(durable_, reply.ticket.end_lsn.value_or(Lsn{}));
    }
    return {};
}

}  // namespace cdc::projection
