#include "sinks/kafka/transactions.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <random>
#include <thread>

#include "base/log.h"
#include "sinks/kafka/delivery_errors.h"

namespace cdc::kafka {
namespace {

using std::chrono::milliseconds;

// How long to wait for the coordinator: its first use makes the brokers' own topic, which takes seconds.
constexpr milliseconds coordinator_patience{15000};
constexpr milliseconds checkpoint_patience{15000};
constexpr milliseconds glance_patience{5000};
// A worker that has taken over writes its name a few round trips after it has fenced the other one off.
constexpr milliseconds takeover_settles{500};
// An idle source's position is written this seldom: each is a transaction of its own.
constexpr std::chrono::seconds idle_interval{5};
constexpr std::uint64_t idle_bytes = 16u << 20;

std::string utc_now() {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

}  // namespace

std::string worker_identity() {
    static const std::string identity = [] {
        std::array<char, 256> host{};
        gethostname(host.data(), host.size() - 1);
        std::random_device random;
        return fmt::format("{}:{}:{:08x}", host.data(), getpid(), random());
    }();
    return identity;
}

bool Transactions::found_elsewhere() {
    const Result<std::optional<Checkpoint>> found = topic_.glance(glance_patience);
    if (!found.ok() || !found->has_value()) return false;
    const Checkpoint& there = **found;
    if (there.state == CheckpointState::claimed) return false;
    const bool elsewhere = there.system_identifier != identity_.system_identifier ||
                           there.database != identity_.database || there.slot != identity_.slot ||
                           there.timeline > identity_.timeline;
    if (elsewhere) stored_ = there;
    return elsewhere;
}

Status Transactions::open(Producers& producers) {
    producers_ = &producers;
    for (std::size_t turn = 0; turn < producers.count(); ++turn) {
        Producer& producer = producers.at(turn);
        if (const ErrorHandle error = producer.init_transactions(coordinator_patience))
            return failed("init_transactions of \"" + producer.transactional_id() + "\"", error.get());
    }
    stored_.reset();
    bool exists = false;
    CDC_RETURN_IF_ERROR(topic_.ensure(producers.present(), coordinator_patience, exists));
    for (std::size_t turn = 0; turn < producers.count(); ++turn) {
        std::string reason;
        handles_[turn] = producers.at(turn).open_topic(topic_.name(), rd_kafka_msg_partitioner_murmur2_random,
                                                       nullptr, reason);
        if (!handles_[turn]) return Status::fatal("topic \"" + topic_.name() + "\" can't be used: " + reason);
    }
    mark_ = identity_;
    if (exists) {
        const Result<std::optional<Checkpoint>> found = topic_.read(checkpoint_patience);
        if (!found.ok()) return found.status();
        if (found->has_value()) mark_ = **found;
    }
    if (mark_.state != CheckpointState::claimed) stored_ = mark_;
    committed_ = mark_;
    if (mark_.owner != worker_identity()) mark_.since = utc_now();
    mark_.owner = worker_identity();
    moved_at_ = Clock::now();
    return {};
}

void Transactions::restart(CheckpointState state, Lsn lsn) {
    const std::string since = mark_.since;
    mark_ = identity_;
    mark_.owner = worker_identity();
    mark_.since = since;
    mark_.state = state;
    mark_.end_lsn = lsn;
}

void Transactions::go_on_at(Lsn lsn) {
    if (lsn > mark_.end_lsn) {  // of a slot that was made anew
        restart(CheckpointState::streaming, lsn);
        return;
    }
    // LSNs of another timeline come again.
    const bool same_wal =
        mark_.system_identifier == identity_.system_identifier && mark_.timeline == identity_.timeline;
    if (!same_wal) mark_.message_lsn = std::min(mark_.message_lsn, lsn);
    mark_.system_identifier = identity_.system_identifier;
    mark_.timeline = identity_.timeline;
    mark_.database = identity_.database;
    mark_.slot = identity_.slot;
    mark_.form = identity_.form;
    mark_.end_lsn = lsn;
}

void Transactions::take_end(const Slice& slice) {
    bytes_ += slice.bytes.size();
    mark_.take_end(slice);
    progress_ = std::max(progress_, slice.progress_number);
}

void Transactions::advance(Lsn lsn) {
    if (mark_.between_transactions()) mark_.end_lsn = std::max(mark_.end_lsn, lsn);
}

Status Transactions::begin() {
    if (open_) return {};
    if (const ErrorHandle error = producers_->present().begin_transaction())
        return failed("begin_transaction", error.get());
    open_ = true;
    bytes_ = 0;
    began_ = Clock::now();
    return {};
}

bool Transactions::due(Clock::time_point now) const {
    if (open_ && !mark_.between_transactions())
        return bytes_ >= limits_.longest_bytes || now >= began_ + limits_.oldest;
    if (open_) return now >= began_ + limits_.gather || bytes_ >= limits_.longest_bytes;
    return mark_.end_lsn > committed_.end_lsn &&
           (now >= moved_at_ + idle_interval || mark_.end_lsn.value - committed_.end_lsn.value >= idle_bytes);
}

std::optional<Transactions::Clock::time_point> Transactions::deadline() const {
    if (open_) return began_ + (mark_.between_transactions() ? limits_.gather : limits_.oldest);
    if (mark_.end_lsn > committed_.end_lsn) return moved_at_ + idle_interval;
    return std::nullopt;
}

rd_kafka_resp_err_t Transactions::write_checkpoint() {
    const rd_kafka_resp_err_t error = producers_->present().produce_to(handles_[producers_->turn()].get(), 0,
                                                                       topic_.key(), to_json(mark_), nullptr);
    checkpoint_pending_ = error == RD_KAFKA_RESP_ERR_NO_ERROR;
    return error;
}

Status Transactions::commit(milliseconds timeout) {
    if (const ErrorHandle error = producers_->present().commit_transaction(timeout))
        return failed("commit_transaction", error.get());
    open_ = false;
    committed_ = mark_;
    committed_progress_ = progress_;
    moved_at_ = Clock::now();
    producers_->next();
    return {};
}

void Transactions::abort(milliseconds timeout) {
    if (!open_) return;
    open_ = false;
    if (const ErrorHandle error = producers_->present().abort_transaction(timeout))
        log_debug("kafka: abort_transaction: {}", rd_kafka_error_string(error.get()));
}

Status Transactions::trouble() {
    // Refused in a broken transaction, with the reason; and it could do no harm in any other.
    const ErrorHandle error = producers_->present().begin_transaction();
    if (error) return failed("its messages were given up", error.get());
    return Status::retry("messages of a Kafka transaction were given up");
}

Status Transactions::failed(const std::string& call, const rd_kafka_error_t* error) {
    const std::string text = call + ": " + rd_kafka_error_string(error);
    if (rd_kafka_error_is_fatal(error)) return lost(rd_kafka_error_code(error), text);
    return transaction_failure(rd_kafka_error_code(error), text);
}

// The brokers tell neither who took over nor whether it was only the transaction's timeout that ended it.
Status Transactions::lost(rd_kafka_resp_err_t error, const std::string& text) {
    Status status = producer_failure(error, text);
    const std::string before =
        committed_.owner;  // another's, as long as this one has not written its own name
    if (status.code() != StatusCode::retry) return status;
    for (int look = 0; look < 2; ++look) {
        if (look > 0) std::this_thread::sleep_for(takeover_settles);
        const Result<std::optional<Checkpoint>> found = topic_.read(checkpoint_patience);
        if (!found.ok() || !found->has_value()) return status;
        const Checkpoint& now = **found;
        if (now.owner == worker_identity() || now.owner == before) continue;
        return Status::fatal("another worker has taken this pipeline over: " + now.owner + " since " +
                                 now.since + " (" + text + ")",
                             "a pipeline is run by one worker at a time: stop one of the two; nothing that "
                             "this one had not committed has been delivered by it");
    }
    return status;
}

}  // namespace cdc::kafka
