// Pipeline: standing by while another process holds the slot.
#include <poll.h>

#include <utility>

#include "base/log.h"
#include "pipeline/pipeline.h"
#include "source/event_form.h"
#include "source/slot.h"
#include "source/snapshot_requests.h"
#include "source/source_connection.h"

namespace cdc {

// While another worker holds the slot this one stands by: it must not open its sinks, for opening one may
// fence off whoever writes there (sinks/kafka/transactions.h). It looks every second, so that it takes over
// in seconds whatever retry_backoff_max is.
Status Pipeline::wait_for_slot() {
    const config::Source& source = config_.source;
    Result<pq::Connection> sql = source::open_source_connection(source.dsn, application_name_, pq::Mode::sql);
    if (!sql.ok()) return sql.status();
    int holder = 0;
    bool workers_alone = true;  // held it
    std::optional<source::SlotState> slot;
    while (true) {
        const Result<std::optional<source::SlotState>> state = source::slot_state(*sql, source.slot);
        if (!state.ok()) return state.status();
        slot = *state;
        // It does not stand yet while another worker reads its first snapshot.
        const bool streamed = state->has_value() && (*state)->active && !(*state)->temporary;
        const Result<int> reader =
            streamed ? (*state)->active_pid : source::snapshot_holder(*sql, source.slot);
        if (!reader.ok()) return reader.status();
        if (!streamed && *reader == 0) break;
        if (stop_.requested()) return Status::retry("stopped while another process held the slot");
        if (const int pid = *reader; pid != std::exchange(holder, pid)) {
            log_info("pipeline {}: replication slot \"{}\" is in use by process {}: standing by",
                     config_.name, source.slot, pid);
            const Result<bool> worker = source::is_application(*sql, pid, application_name_);
            if (!worker.ok()) return worker.status();
            workers_alone = workers_alone && *worker;
        }
        statistics_.phase.store(Phase::waiting);
        pollfd fd{stop_.fd(), POLLIN, 0};
        ::poll(&fd, 1, 1000);
    }
    if (holder != 0) {
        log_info("pipeline {}: replication slot \"{}\" is free", config_.name, source.slot);
        if (slot && workers_alone) forget_what_is_passed(slot->confirmed_flush_lsn);
    }
    Result<source::ServerForm> form = source::server_form(*sql);
    if (!form.ok()) return form.status();
    server_form_ = std::move(*form);
    form_ = source::event_form(source, server_form_);
    statistics_.phase.store(Phase::connecting);
    return {};
}

// The other worker has delivered what it moved the slot over. Where the holder was this worker's own
// walsender, the slot is not beyond what this worker knows.
void Pipeline::forget_what_is_passed(Lsn confirmed) {
    const auto passed = [confirmed](const auto& known) { return known.second < confirmed; };
    if (std::erase_if(remembered_, passed) == 0) return;
    log_warning("pipeline {}: another worker has moved slot \"{}\" to {}: what it read is not sent again",
                config_.name, config_.source.slot, confirmed.to_string());
}

}  // namespace cdc
