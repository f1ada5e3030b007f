// Applier's target transactions: when one begins and ends, and what its results mean.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/failpoint.h"
#include "sinks/postgres/applier.h"
#include "sinks/postgres/sql_error.h"
#include "sinks/postgres/statements.h"

namespace cdc::projection {
namespace {

// Loads under way before another waits for an answer: one is executed while the next is on its way to it.
constexpr std::uint64_t most_under_way = 2;
// A load is committed at the end of the source transaction that passes one of these, whatever waits behind
// it: none of the rows, bytes or time that a larger one would save is worth its latency.
constexpr std::size_t large_rows = 5000;
constexpr std::size_t large_bytes = 2u << 20;
constexpr std::chrono::milliseconds large_age{50};
// Rows that are copied: nobody waits for one of them, and each load's end keeps the target waiting for us.
// Two of these are no more than what the sink keeps (PostgresSink::most_kept).
constexpr std::size_t large_copy_bytes = 3u << 20;

bool finds_by_old_image(Action action) {
    return action == Action::replace_one || action == Action::tombstone_one || action == Action::remove_one;
}

Ticket ticket_for(Purpose purpose) {
    Ticket ticket;
    ticket.purpose = purpose;
    return ticket;
}

std::string what_was_done(const Ticket& ticket) {
    if (ticket.batch) {
        std::string text = "applying to " + ticket.batch->table->target;
        if (ticket.batch->first != nullptr) text += " " + describe(*ticket.batch->first);
        const std::size_t more = ticket.batch->rows - 1;
        return more == 0 ? text : text + " and " + std::to_string(more) + " more rows";
    }
    switch (ticket.purpose) {
        case Purpose::prepare:
            return "preparing a statement";
        case Purpose::position:
            return "moving the position";
        case Purpose::commit:
            return "committing";
        default:
            return "talking to the target";
    }
}

}  // namespace

bool Applier::load_is_large() const {
    if (copied_ && load_.applied.empty()) return load_.bytes >= large_copy_bytes;
    return load_.rows >= large_rows || load_.bytes >= large_bytes || Clock::now() - load_.since >= large_age;
}

Status Applier::begin() {
    if (load_.begun) return {};
    load_.begun = true;
    return session_.send("BEGIN", {}, ticket_for(Purpose::begin));
}

const std::string& Applier::sql_of(const Batch& batch) {
    std::string& sql = sql_[{batch.table, batch.action, batch.omitted}];
    if (sql.empty()) sql = statement_sql(*batch.table, batch.action, batch.omitted);
    return sql;
}

Status Applier::send_batches() {
    batcher_.flush();
    std::vector<Batch> batches = batcher_.take();
    if (batches.empty()) return {};
    CDC_RETURN_IF_ERROR(begin());
    for (Batch& batch : batches) {
        CDC_RETURN_IF_ERROR(failpoint("postgres.before_change"));
        if (batch.action == Action::load || batch.action == Action::load_short) {
            CDC_RETURN_IF_ERROR(copy(std::move(batch)));
            continue;
        }
        CDC_RETURN_IF_ERROR(end_copy());
        const std::string& sql = sql_of(batch);
        const std::vector<Parameter> parameters = std::exchange(batch.parameters, {});
        Ticket ticket = ticket_for(Purpose::change);
        ticket.batch = std::move(batch);
        CDC_RETURN_IF_ERROR(session_.send(sql, parameters, std::move(ticket)));
    }
    return copied_ ? Status() : session_.request_results();
}

// libpq has no COPY in a pipeline, so what was sent before is waited for; a load begins with it mostly.
Status Applier::copy(Batch batch) {
    if (!copied_ || copied_->table != batch.table || copied_->action != batch.action) {
        CDC_RETURN_IF_ERROR(settle());
        CDC_RETURN_IF_ERROR(session_.begin_copy("copying into " + batch.table->target, sql_of(batch)));
        copied_ = batch;
        copied_->parameters.clear();
        copied_->rows = 0;
    }
    copied_->rows += batch.rows;
    return session_.put_copy(batch.parameters.front().bytes);
}

Status Applier::end_copy() {
    if (!copied_) return {};
    Ticket ticket = ticket_for(Purpose::change);
    ticket.batch = std::exchange(copied_, std::nullopt);
    Result<pq::Rows> result = session_.end_copy();
    if (!result.ok()) return result.status();
    if (PQresultStatus(result->native()) == PGRES_COMMAND_OK) return {};
    return failure_of(ticket, result->native());
}

Status Applier::finish_transaction(const Slice& slice) {
    if (!slice.end_lsn) return Status::fatal("the last slice of a transaction has no end LSN");
    if (transaction_.changes == 0) {
        (has_load() ? load_.to : passed_) = slice.end_lsn;
        return {};
    }
    if (load_.applied.empty()) load_.since = Clock::now();
    load_.to = slice.end_lsn;
    load_.applied.push_back(
        {slice.commit_lsn, transaction_.evidence_id, std::to_string(slice.xid), transaction_.schema_version});
    return {};
}

Status Applier::ran_dry() {
    if (!failure_.ok()) return failure_;
    const bool whole = !in_slices_ && (load_.snapshot || !load_.applied.empty());
    if (whole && sent_loads_ - confirmed_loads_ < most_under_way) {
        failure_ = commit_load();
    } else if (in_slices_) {
        failure_ = send_batches();  // what it holds may be all that memory_limit allows
    }
    return failure_;
}

Status Applier::commit_load() {
    CDC_RETURN_IF_ERROR(send_batches());
    if (!has_load()) {
        load_ = {};
        return {};
    }
    PositionMove move;
    move.from = position_;
    move.to = load_.to ? load_.to : position_;
    // Nobody waits for the progress of a first snapshot, which has no number but for one range, before its
    // end.
    const bool waited_for = !load_.applied.empty() || load_.progress_number != 0;
    move.durable = !durable_under_way_ && waited_for;
    move.applied = std::move(load_.applied);
    move.may_be_noted = may_be_noted_;
    move.snapshot_progress = std::move(load_.snapshot_progress);
    return commit(std::move(move));
}

Status Applier::commit(PositionMove move) {
    CDC_RETURN_IF_ERROR(end_copy());
    CDC_RETURN_IF_ERROR(begin());
    CDC_RETURN_IF_ERROR(failpoint("postgres.before_position"));
    CDC_RETURN_IF_ERROR(ledger_.send_move(session_, move, ticket_for(Purpose::position)));
    CDC_RETURN_IF_ERROR(failpoint("postgres.before_commit"));
    Ticket ticket = ticket_for(Purpose::commit);
    ticket.end_lsn = move.to;
    ticket.durable = move.durable;
    ticket.progress_number = load_.progress_number;
    CDC_RETURN_IF_ERROR(session_.send("COMMIT", {}, std::move(ticket)));
    load_ = {};
    ++sent_loads_;
    position_ = move.to;
    loose_commits_ = !move.durable;
    durable_under_way_ = durable_under_way_ || move.durable;
    return session_.request_results();
}

Status Applier::send_position(Lsn to) {
    if (!failure_.ok()) return failure_;
    PositionMove move;
    move.from = position_;
    move.to = to;
    move.durable = true;
    return commit(std::move(move));
}

Status Applier::send_snapshot_end(Lsn consistent_point) {
    if (!failure_.ok()) return failure_;
    PositionMove move;
    move.from = move.to = consistent_point;
    move.durable = move.may_be_noted = true;
    if (!transaction_.evidence_id.empty()) {  // an empty snapshot has nothing to account for
        move.applied.push_back(
            {consistent_point, transaction_.evidence_id, "snapshot", transaction_.schema_version});
    }
    return commit(std::move(move));
}

Status Applier::receive() {
    while (std::optional<Reply> reply = session_.receive()) {
        if (!failure_.ok()) return failure_;
        failure_ = handle(std::move(*reply));
        answered_failure_ = !failure_.ok();
    }
    return failure_;
}

Status Applier::settle() {
    if (!failure_.ok()) return failure_;
    CDC_RETURN_IF_ERROR(end_copy());
    CDC_RETURN_IF_ERROR(session_.send_sync());
    while (!session_.idle()) {
        CDC_RETURN_IF_ERROR(session_.exchange());
        CDC_RETURN_IF_ERROR(receive());
        if (!session_.idle()) session_.wait(Clock::now() + std::chrono::seconds(1));
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
            return failure_of(reply.ticket, reply.result.get());
    }
    if (reply.ticket.purpose != Purpose::commit) return {};
    ++confirmed_loads_;
    confirmed_ = reply.ticket.end_lsn.value_or(confirmed_);
    confirmed_progress_ = std::max(confirmed_progress_, reply.ticket.progress_number);
    if (reply.ticket.durable) {
        durable_under_way_ = false;
        durable_ = std::max(durable_, confirmed_);
        durable_progress_ = confirmed_progress_;
    }
    return failpoint("postgres.committed");
}

Status Applier::failure_of(const Ticket& ticket, const PGresult* result) {
    sqlstate_ = sqlstate_of(result);
    const bool nothing_changed = sqlstate_ == no_row_changed;
    if (ticket.purpose == Purpose::position && nothing_changed) {
        CDC_RETURN_IF_ERROR(drain());
        CDC_RETURN_IF_ERROR(session_.run_script("undoing", "ROLLBACK"));
        return ledger_.why_not_moved(session_);
    }
    if (ticket.batch && nothing_changed && finds_by_old_image(ticket.batch->action)) {
        return Status::reject(describe(*ticket.batch->first) + ": no row of the projection has the old image",
                              "give the table a primary key, and take the snapshot again");
    }
    return sql_error(session_.native(), result, what_was_done(ticket));
}

}  // namespace cdc::projection
