// Applier after a refusal: one slice at a time, waiting for the target, until the event is found.
#include <optional>
#include <utility>

#include "base/log.h"
#include "sinks/postgres/applier.h"
#include "sinks/postgres/sql_error.h"

namespace cdc::projection {

// Savepoints of the halves have one name: the innermost is meant (PostgreSQL docs, SAVEPOINT).
constexpr const char* undo_half = "ROLLBACK TO SAVEPOINT cdc; RELEASE SAVEPOINT cdc";

Status Applier::apply_carefully(const SlicePtr& slice) {
    if (failure_.ok()) failure_ = apply_slice_carefully(slice);
    return failure_;
}

Status Applier::apply_slice_carefully(const SlicePtr& slice) {
    load_of_slice_ = sent_loads_ + 1;
    may_be_noted_ = true;
    if (slice->kind == SliceKind::message) return {};
    if (slice->kind == SliceKind::transaction) {
        CDC_RETURN_IF_ERROR(start(*slice));
        if (slice->last) in_slices_ = false;
        if (skipping_) return {};
        if (slice->first && has_load()) CDC_RETURN_IF_ERROR(commit_load());
        load_of_slice_ = sent_loads_ + 1;
    }
    CDC_RETURN_IF_ERROR(begin_refill(*slice));
    for (const Event& event : slice->events) {
        if (slice->kind == SliceKind::transaction) CDC_RETURN_IF_ERROR(count_.take(event));
        if (event.op == Op::begin || event.op == Op::end) continue;
        Result<EventBody> body = read_body(event);
        if (!body.ok()) return body.status();
        note(event, *body);
    }
    take_progress(*slice);
    if (transaction_.changes > 0) {
        CDC_RETURN_IF_ERROR(begin());
        CDC_RETURN_IF_ERROR(settle());
        CDC_RETURN_IF_ERROR(try_events(slice, 0, slice->events.size()));
    }
    CDC_RETURN_IF_ERROR(note_refill(*slice));
    if (slice->kind == SliceKind::transaction && !slice->last) return {};
    if (slice->kind == SliceKind::transaction) CDC_RETURN_IF_ERROR(finish_transaction(*slice));
    CDC_RETURN_IF_ERROR(commit_load());
    return settle();
}

Status Applier::apply_range(const SlicePtr& slice, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
        const Event& event = slice->events[i];
        if (event.op == Op::begin || event.op == Op::end) continue;
        Result<EventBody> body = read_body(event);
        if (!body.ok()) return body.status();
        CDC_RETURN_IF_ERROR(apply_event(event, *body, slice));
    }
    CDC_RETURN_IF_ERROR(send_batches());
    return settle();
}

// Applies a run of events as a set, or, where that is refused, its halves in their order.
Status Applier::try_events(const SlicePtr& slice, std::size_t from, std::size_t to) {
    CDC_RETURN_IF_ERROR(session_.run_script("setting a savepoint", "SAVEPOINT cdc"));
    sqlstate_.clear();
    const std::size_t made_ready = tables_.made_ready();
    const Status status = apply_range(slice, from, to);
    if (status.ok()) return session_.run_script("releasing a savepoint", "RELEASE SAVEPOINT cdc");
    if (status.code() != StatusCode::reject) return status;
    const std::string sqlstate = sqlstate_;
    if (tables_.made_ready() != made_ready) tables_.forget();  // it is undone too
    CDC_RETURN_IF_ERROR(undo(undo_half));
    if (to - from == 1) {
        sqlstate_ = sqlstate;
        return refuse(slice->events[from], status);
    }
    const std::size_t middle = from + (to - from) / 2;
    CDC_RETURN_IF_ERROR(try_events(slice, from, middle));
    return try_events(slice, middle, to);
}

// A row that was not found, of a table whose rows are all to come anew: what was read of it so far is not the
// whole, and goes before the next reading.
Result<bool> Applier::may_be_missing(const Event& event) {
    const bool changes_a_row = event.op == Op::update || event.op == Op::remove;
    if (!changes_a_row || sqlstate_ != no_row_changed) return false;
    return tables_.is_refilling(event);
}

Status Applier::refuse(const Event& event, const Status& status) {
    const Result<bool> missing = may_be_missing(event);
    if (!missing.ok()) return missing.status();
    if (*missing) {
        log_info("left out, as its table is to be read anew: {}", status.message());
        return {};
    }
    if (on_reject_ == config::OnReject::stop) return status;
    log_warning("parked in the dead letters: {}", status.to_string());
    ++parked_;
    return ledger_.park(session_, {event, sqlstate_, status.message(), status.hint()});
}

// Reads away the answers to what was sent and is to be undone; what came after an error was skipped by the
// server.
Status Applier::drain() {
    if (session_.copying()) {
        copied_.reset();
        const Result<pq::Rows> dropped = session_.end_copy("undone");
        if (!dropped.ok()) return dropped.status();
    }
    CDC_RETURN_IF_ERROR(session_.send_sync());
    while (!session_.idle()) {
        CDC_RETURN_IF_ERROR(session_.exchange());
        while (session_.receive()) {
        }
        if (!session_.idle()) session_.wait(Clock::now() + std::chrono::seconds(1));
    }
    return {};
}

Status Applier::hear_of_loads() {
    if (answered_failure_ || session_.idle()) return {};
    failure_ = {};
    const Status status = settle();
    return status.code() == StatusCode::reject ? Status() : status;
}

Status Applier::undo(const std::string& sql) {
    failure_ = {};
    answered_failure_ = false;
    batcher_.clear();
    CDC_RETURN_IF_ERROR(drain());
    if (PQtransactionStatus(session_.native()) != PQTRANS_IDLE)
        CDC_RETURN_IF_ERROR(session_.run_script("undoing what was refused", sql));
    return session_.forget_prepared();
}

Status Applier::roll_back() {
    tables_.forget();  // the refusal may be of a constraint that was not there when they were looked at
    CDC_RETURN_IF_ERROR(undo("ROLLBACK"));
    load_ = {};
    transaction_ = {};
    in_slices_ = false;
    position_ = confirmed_;
    sent_loads_ = confirmed_loads_;
    durable_under_way_ = false;
    loose_commits_ = durable_ < confirmed_;
    return {};
}

}  // namespace cdc::projection
