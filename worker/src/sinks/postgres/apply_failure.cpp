// The other half of Applier: what an error means, and which event it is of.
#include <optional>
#include <utility>
#include <vector>

#include "sinks/postgres/applier.h"
#include "sinks/postgres/sql_error.h"
#include "sinks/postgres/statements.h"

namespace cdc::projection {
namespace {

constexpr const char* division_by_zero = "22012";  // what a statement that had to change a row fails with

bool finds_by_old_image(Action action) {
    return action == Action::replace_one || action == Action::tombstone_one || action == Action::remove_one;
}

std::string what_was_done(const Ticket& ticket) {
    if (ticket.batch) {
        std::string text = "applying to " + ticket.batch->table->target;
        if (ticket.batch->events.empty()) return text;
        const std::size_t more = ticket.batch->events.size() - 1;
        text += " " + describe(*ticket.batch->events.front());
        return more == 0 ? text : text + " and " + std::to_string(more) + " more events";
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

Status Applier::failure_of(const Reply& reply) {
    const bool nothing_changed = sqlstate_of(reply.result.get()) == division_by_zero;
    if (reply.ticket.purpose == Purpose::position && nothing_changed) {
        return Status::fatal("another worker has moved the position of the projection",
                             "see that only one worker runs the pipeline");
    }
    if (reply.ticket.batch && nothing_changed && finds_by_old_image(reply.ticket.batch->action)) {
        return Status::reject(
            describe(*reply.ticket.batch->events.front()) + ": no row of the projection has the old image",
            "give the table a primary key, and take the snapshot again");
    }
    const Status status = sql_error(session_.native(), reply.result.get(), what_was_done(reply.ticket));
    if (status.code() == StatusCode::reject && reply.ticket.batch && reply.ticket.batch->events.size() > 1) {
        return name_the_event(*reply.ticket.batch, status);
    }
    return status;
}

// Tries the batch's events one by one in a transaction that is rolled back; the first that fails is the one.
// Where it can't be found so (it took another event to make it fail), the status stays as it is.
Status Applier::name_the_event(const Batch& batch, const Status& status) {
    if (!session_.send_sync().ok()) return status;
    while (!session_.idle()) {
        if (!session_.exchange().ok()) return status;
        while (session_.receive()) {
        }
        if (!session_.idle()) session_.wait(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    }
    if (!session_.run_script("finding the event", "ROLLBACK; BEGIN").ok()) return status;
    for (const Event* event : batch.events) {
        const Result<EventBody> body = read_body(*event);
        if (!body.ok() || !batcher_.add(*batch.table, *event, *body).ok()) return status;
        batcher_.flush();
        for (const Batch& single : batcher_.take()) {
            std::vector<std::optional<std::string>> parameters(single.parameters.begin(),
                                                               single.parameters.end());
            if (!session_.run_script("finding the event", "SAVEPOINT one").ok()) return status;
            const Status tried = session_.run(describe(*event), sql_of(single), parameters).status();
            if (tried.code() == StatusCode::reject) return tried;
            if (!session_.run_script("finding the event", "ROLLBACK TO one").ok()) return status;
        }
    }
    return status;
}

}  // namespace cdc::projection
