#include "sinks/postgres/postgres_sink.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace cdc {
namespace {

// An idle source's position is written this seldom: each is a transaction with a disk write of its own, and
// being behind costs nothing but WAL that the source keeps.
constexpr std::chrono::seconds idle_interval{5};
constexpr std::uint64_t idle_bytes = 16u << 20;
// While slices come thick and fast, the socket is looked at once for so many of them.
constexpr unsigned hurry = 32;
// How much WAL behind a refused event is still applied carefully: one seldom comes alone, and going back
// costs more than going carefully.
constexpr std::uint64_t careful_bytes = 1u << 20;
constexpr std::size_t most_kept_bytes = 8u << 20;

}  // namespace

Status PostgresSink::need_open() const {
    return applier_ != nullptr ? Status() : Status::retry("the sink is not open");
}

Status PostgresSink::open(const SinkContext& context) {
    close();
    context_ = context;
    Result<std::unique_ptr<projection::Session>> session =
        projection::Session::open(settings_.dsn, "cdc-worker " + context_.pipeline);
    if (!session.ok()) return session.status();
    session_ = std::move(session).value();
    ledger_ = std::make_unique<projection::Ledger>();
    CDC_RETURN_IF_ERROR(ledger_->open(*session_, settings_.ledger_schema, context_));
    tables_ =
        std::make_unique<projection::TableKeeper>(*session_, settings_, context_, ledger_->table_of_tables());
    CDC_RETURN_IF_ERROR(tables_->open());
    Result<std::optional<StoredPosition>> stored = ledger_->stored_position(*session_);
    if (!stored.ok()) return stored.status();
    stored_ = std::move(stored).value();
    applier_ = std::make_unique<projection::Applier>(
        *session_, *ledger_, *tables_, projection::Batcher(settings_.deletes, context_.json_as_string),
        settings_.on_reject, stored_ ? stored_->end_lsn : Lsn{});
    return {};
}

Result<std::optional<StoredPosition>> PostgresSink::stored_position() {
    CDC_RETURN_IF_ERROR(need_open());
    return stored_;
}

// A transaction of statements run one by one, whose commit waits for the disk.
Status PostgresSink::run_durably(const std::string& where, const std::function<Status()>& work) {
    CDC_RETURN_IF_ERROR(applier_->settle());
    CDC_RETURN_IF_ERROR(session_->run_script(
        where, "BEGIN; SET LOCAL synchronous_commit = '" + session_->durable_commit() + "'"));
    CDC_RETURN_IF_ERROR(work());
    return session_->run_script(where, "COMMIT");
}

Status PostgresSink::begin_snapshot(Lsn consistent_point) {
    CDC_RETURN_IF_ERROR(need_open());
    CDC_RETURN_IF_ERROR(ledger_->require_lock(*session_));
    const auto start_anew = [&]() -> Status {
        CDC_RETURN_IF_ERROR(tables_->empty_registered());
        return ledger_->write_position(*session_, consistent_point, false);
    };
    CDC_RETURN_IF_ERROR(run_durably("beginning the snapshot", start_anew));
    // The snapshot before this one had to be left over a refused row, and this one is of a later point.
    if (stored_ && !stored_->streaming && careful_until_ > stored_->end_lsn)
        careful_until_ = Lsn{consistent_point.value + 1};
    if (careful_until_ <= consistent_point) tables_->begin_load();
    applier_->set_position(consistent_point);
    return {};
}

Status PostgresSink::empty_table(const std::string& schema, const std::string& table) {
    CDC_RETURN_IF_ERROR(need_open());
    dry_ = true;
    CDC_RETURN_IF_ERROR(wait_for_all(Clock::time_point::max()));
    return run_durably("making the projection of " + schema + "." + table,
                       [&] { return tables_->expect(schema, table); });
}

// What has waited for them may be read from here on: the commit that follows is on disk, and so are they.
Status PostgresSink::make_keys() {
    CDC_RETURN_IF_ERROR(applier_->settle());
    return tables_->make_keys();
}

Status PostgresSink::end_snapshot(Lsn consistent_point) {
    CDC_RETURN_IF_ERROR(need_open());
    dry_ = true;
    CDC_RETURN_IF_ERROR(wait_for_all(Clock::time_point::max()));
    CDC_RETURN_IF_ERROR(make_keys());
    CDC_RETURN_IF_ERROR(applier_->send_snapshot_end(consistent_point));
    return applier_->settle();
}

Status PostgresSink::begin_streaming(Lsn start_lsn) {
    CDC_RETURN_IF_ERROR(need_open());
    CDC_RETURN_IF_ERROR(run_durably("beginning to stream", [&] {
        return ledger_->begin_streaming(*session_, applier_->position(), start_lsn);
    }));
    CDC_RETURN_IF_ERROR(make_keys());  // those that a crash has left
    tables_->forget();
    applier_->set_position(start_lsn);
    streaming_ = true;
    moved_at_ = Clock::now();
    return {};
}

Status PostgresSink::write(const SlicePtr& slice) {
    CDC_RETURN_IF_ERROR(need_open());
    queue_.push_back(slice);
    dry_ = false;
    return {};  // poll follows
}

Status PostgresSink::advance(Lsn lsn) {
    CDC_RETURN_IF_ERROR(need_open());
    announced_ = std::max(announced_, lsn);
    return pump();
}

Status PostgresSink::poll() {
    CDC_RETURN_IF_ERROR(need_open());
    const bool hurry_on = !dry_ && ++hurried_ < hurry && !session_->output_pending();
    return hurry_on ? with_care(&PostgresSink::apply_queued) : pump();
}

Status PostgresSink::ran_dry() {
    CDC_RETURN_IF_ERROR(need_open());
    dry_ = true;
    return pump();
}

Status PostgresSink::pump() {
    hurried_ = 0;
    return with_care(&PostgresSink::pump_once);
}

// Does a step, and where the target refuses a set, does it again carefully.
Status PostgresSink::with_care(Status (PostgresSink::*step)()) {
    Status status = (this->*step)();
    while (status.code() == StatusCode::reject && !careful_now_) {
        CDC_RETURN_IF_ERROR(go_back(status));
        status = (this->*step)();
    }
    return status;
}

// Sends while the socket takes it, reads what has come.
Status PostgresSink::pump_once() {
    CDC_RETURN_IF_ERROR(session_->exchange());
    CDC_RETURN_IF_ERROR(applier_->receive());
    let_go();
    do {
        CDC_RETURN_IF_ERROR(apply_queued());
        if (dry_ && queue_.empty()) CDC_RETURN_IF_ERROR(applier_->ran_dry());
        CDC_RETURN_IF_ERROR(session_->exchange());
        CDC_RETURN_IF_ERROR(applier_->receive());
        let_go();
    } while (!queue_.empty() && !session_->output_pending());
    CDC_RETURN_IF_ERROR(send_due());
    return session_->exchange();
}

// Hands slices on until the socket has enough of it.
Status PostgresSink::apply_queued() {
    while (!queue_.empty() && !session_->output_pending()) {
        const SlicePtr slice = std::move(queue_.front());
        queue_.pop_front();
        kept_.push_back({slice, 0});
        kept_bytes_ += slice->bytes.size();
        reached_ = std::max(reached_, slice->commit_lsn);
        const bool careful = slice->commit_lsn < careful_until_;
        CDC_RETURN_IF_ERROR(careful ? apply_carefully(slice) : applier_->apply(slice));
        note_load();
        let_go();
    }
    return {};
}

Status PostgresSink::apply_carefully(const SlicePtr& slice) {
    CDC_RETURN_IF_ERROR(applier_->settle());  // what was sent before may be refused yet, as a set
    careful_now_ = true;
    const std::uint64_t parked = applier_->parked();
    CDC_RETURN_IF_ERROR(applier_->apply_carefully(slice));
    careful_now_ = false;
    if (applier_->parked() > parked)
        careful_until_ = std::max(careful_until_, Lsn{slice->commit_lsn.value + careful_bytes});
    return {};
}

// Which load the last slice is of, and whether it may be kept until that is committed. A transaction that
// changes nothing here ends without a load: none of its slices is to be gone through again.
void PostgresSink::note_load() {
    const std::uint64_t load = applier_->load_of_slice();
    kept_.back().load = load;
    if (kept_bytes_ > most_kept()) not_kept_ = load;
    const bool of_none = load > applier_->sent_loads() && !applier_->in_load();
    while (!kept_.empty() && kept_.back().load == (of_none ? load : not_kept_)) {
        kept_bytes_ -= kept_.back().slice->bytes.size();
        kept_.pop_back();
    }
}

void PostgresSink::let_go() {
    while (!kept_.empty() && kept_.front().load != 0 && kept_.front().load <= applier_->confirmed_loads()) {
        kept_bytes_ -= kept_.front().slice->bytes.size();
        kept_.pop_front();
    }
}

// Never so much that the reader, who stops at memory_limit, could wait for us while we wait for it.
std::size_t PostgresSink::most_kept() const {
    return std::min(most_kept_bytes, context_.memory_limit / 4);
}

// The target has refused a set, and executed nothing behind it; or the applier an event, with loads before it
// under way. What does not get committed is undone and queued again, to be applied carefully.
Status PostgresSink::go_back(const Status& refusal) {
    careful_until_ = std::max(careful_until_, Lsn{reached_.value + 1});
    CDC_RETURN_IF_ERROR(applier_->hear_of_loads());
    let_go();
    if (not_kept_ > applier_->confirmed_loads()) {
        return Status::retry_now(
            refusal.message() + "; its transaction is long: it is read again to find the event",
            refusal.hint());
    }
    log_info("{}; looking for the event", refusal.to_string());
    CDC_RETURN_IF_ERROR(applier_->roll_back());
    CDC_RETURN_IF_ERROR(tables_->make_keys());  // not under the savepoints of each half again
    for (; !kept_.empty(); kept_.pop_back())
        queue_.push_front(kept_.back().slice);
    kept_bytes_ = 0;
    return {};
}

// The end LSN up to which nothing is left to do, though no position says so yet.
Lsn PostgresSink::idle_lsn() const {
    return std::max(announced_, applier_->passed_lsn());
}

// What ends each of these states wakes the sink by itself: a slice, a reply, a queue that has run dry.
bool PostgresSink::may_send_position() const {
    return streaming_ && queue_.empty() && !applier_->in_load() && !applier_->durable_commit_under_way();
}

Status PostgresSink::send_due() {
    if (!may_send_position()) return {};
    const Lsn idle = idle_lsn();
    const bool idle_due =
        idle > applier_->position() && (flushing_ || Clock::now() >= moved_at_ + idle_interval ||
                                        idle.value - applier_->position().value >= idle_bytes);
    if (!idle_due && !applier_->has_loose_commits()) return {};
    moved_at_ = Clock::now();
    return applier_->send_position(std::max(idle, applier_->position()));
}

int PostgresSink::wait_fd() const {
    return session_ != nullptr ? session_->wait_fd() : -1;
}

std::optional<std::chrono::steady_clock::time_point> PostgresSink::poll_deadline() const {
    if (applier_ == nullptr || !may_send_position() || idle_lsn() <= applier_->position())
        return std::nullopt;
    return moved_at_ + idle_interval;
}

Lsn PostgresSink::durable_lsn() const {
    return applier_ != nullptr && streaming_ ? applier_->durable_lsn() : Lsn{};
}

std::uint64_t PostgresSink::durable_progress() const {
    return applier_ != nullptr ? applier_->durable_progress() : 0;
}

bool PostgresSink::all_durable() const {
    if (!queue_.empty() || !session_->idle()) return false;
    if (applier_->whole_load()) return false;
    if (!streaming_) return true;
    const bool moved = idle_lsn() <= applier_->position() || applier_->in_load();
    return moved && !applier_->has_loose_commits();
}

Status PostgresSink::wait_for_all(Clock::time_point deadline) {
    for (;;) {
        CDC_RETURN_IF_ERROR(pump());
        if (all_durable()) return {};
        if (!session_->wait(std::min(deadline, Clock::now() + std::chrono::seconds(1))) &&
            Clock::now() >= deadline) {
            return Status::retry("the target has not confirmed everything in time");
        }
    }
}

Status PostgresSink::flush(std::chrono::milliseconds timeout) {
    CDC_RETURN_IF_ERROR(need_open());
    flushing_ = true;
    dry_ = true;
    const Status status = wait_for_all(Clock::now() + timeout);
    flushing_ = false;
    return status;
}

void PostgresSink::close() {
    queue_.clear();
    kept_.clear();
    kept_bytes_ = 0;
    not_kept_ = 0;
    reached_ = {};
    careful_now_ = false;
    dry_ = false;
    parked_before_ = parked();
    applier_.reset();
    tables_.reset();
    ledger_.reset();
    session_.reset();
    stored_.reset();
    announced_ = {};
    streaming_ = false;
    flushing_ = false;
}

}  // namespace cdc
