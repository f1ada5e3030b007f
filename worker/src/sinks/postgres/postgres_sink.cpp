#include "sinks/postgres/postgres_sink.h"

#include <algorithm>
#include <utility>

namespace cdc {
namespace {

// An idle source's position is written this seldom: each is a transaction with a disk write of its own, and
// being behind costs nothing but WAL that the source keeps.
constexpr std::chrono::seconds idle_interval{5};
constexpr std::uint64_t idle_bytes = 16u << 20;

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
        stored_ ? stored_->end_lsn : Lsn{});
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
    const auto start_anew = [&]() -> Status {
        CDC_RETURN_IF_ERROR(tables_->empty_registered());
        return ledger_->write_position(*session_, consistent_point, false);
    };
    CDC_RETURN_IF_ERROR(run_durably("beginning the snapshot", start_anew));
    applier_->set_position(consistent_point);
    return {};
}

Status PostgresSink::end_snapshot(Lsn consistent_point) {
    CDC_RETURN_IF_ERROR(need_open());
    CDC_RETURN_IF_ERROR(wait_for_all(Clock::time_point::max()));
    CDC_RETURN_IF_ERROR(applier_->send_snapshot_end(consistent_point));
    return applier_->settle();
}

Status PostgresSink::begin_streaming(Lsn start_lsn) {
    CDC_RETURN_IF_ERROR(need_open());
    CDC_RETURN_IF_ERROR(
        run_durably("beginning to stream", [&] { return ledger_->begin_streaming(*session_, start_lsn); }));
    if (!applier_->position()) applier_->set_position(start_lsn);
    streaming_ = true;
    moved_at_ = Clock::now();
    return {};
}

Status PostgresSink::write(const SlicePtr& slice) {
    CDC_RETURN_IF_ERROR(need_open());
    queue_.push_back(slice);
    return pump();
}

Status PostgresSink::advance(Lsn lsn) {
    CDC_RETURN_IF_ERROR(need_open());
    announced_ = std::max(announced_, lsn);
    return pump();
}

Status PostgresSink::poll() {
    CDC_RETURN_IF_ERROR(need_open());
    return pump();
}

// Sends while the socket takes it, reads what has come.
Status PostgresSink::pump() {
    CDC_RETURN_IF_ERROR(session_->exchange());
    CDC_RETURN_IF_ERROR(applier_->receive());
    while (!queue_.empty() && !session_->output_pending()) {
        const SlicePtr slice = std::move(queue_.front());
        queue_.pop_front();
        CDC_RETURN_IF_ERROR(applier_->apply(slice));
        CDC_RETURN_IF_ERROR(session_->exchange());
        CDC_RETURN_IF_ERROR(applier_->receive());
    }
    CDC_RETURN_IF_ERROR(send_due());
    return session_->exchange();
}

// The end LSN up to which nothing is left to do, though no position says so yet.
Lsn PostgresSink::idle_lsn() const {
    return std::max(announced_, applier_->passed_lsn());
}

Status PostgresSink::send_due() {
    if (!streaming_ || !queue_.empty() || applier_->in_transaction() ||
        applier_->durable_commit_under_way()) {
        return {};
    }
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
    if (applier_ == nullptr || !streaming_ || idle_lsn() <= applier_->position()) return std::nullopt;
    return moved_at_ + idle_interval;
}

Lsn PostgresSink::durable_lsn() const {
    return applier_ != nullptr && streaming_ ? applier_->durable_lsn() : Lsn{};
}

bool PostgresSink::all_durable() const {
    if (!queue_.empty() || !session_->idle()) return false;
    if (!streaming_) return true;
    const bool moved = idle_lsn() <= applier_->position() || applier_->in_transaction();
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
    const Status status = wait_for_all(Clock::now() + timeout);
    flushing_ = false;
    return status;
}

void PostgresSink::close() {
    queue_.clear();
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
