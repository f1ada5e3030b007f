#include "pipeline/sink_runner.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <utility>

namespace cdc {
namespace {

// How many slices a sink is given before it is polled.
constexpr std::size_t most_at_once = 16;

std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// poll(2)'s timeout until a deadline; -1 for none.
int timeout_until(std::optional<std::chrono::steady_clock::time_point> deadline) {
    if (!deadline) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60000));
}

}  // namespace

SinkRunner::SinkRunner(Sink& sink, SinkStatistics& statistics, const EventFd& changed)
    : sink_(sink),
      statistics_(statistics),
      changed_(changed),
      name_(sink.name()),
      ended_future_(ended_.get_future()) {
    thread_ = std::thread([this] {
        run();
        ended_.set_value();
    });
}

SinkRunner::~SinkRunner() {
    if (!thread_.joinable()) return;
    stop(std::chrono::milliseconds::max());
}

std::future<Status> SinkRunner::call(std::function<Status(Sink&)> work) {
    auto call = std::make_unique<Call>();
    call->work = std::move(work);
    std::future<Status> done = call->done.get_future();
    {
        const std::lock_guard lock(mutex_);
        if (failure_ || stopping_) {
            call->done.set_value(failure_.value_or(Status::retry("it is stopping")));
            return done;
        }
        queue_.push_back({nullptr, std::move(call)});
        wake_if_waiting();
    }
    return done;
}

void SinkRunner::write(std::span<const SlicePtr> slices) {
    {
        const std::lock_guard lock(mutex_);
        if (failure_ || stopping_) return;
        for (const SlicePtr& slice : slices)
            queue_.push_back({slice, nullptr});
        wake_if_waiting();
    }
}

void SinkRunner::advance(Lsn lsn) {
    {
        const std::lock_guard lock(mutex_);
        advance_to_ = std::max(advance_to_, lsn);
        wake_if_waiting();
    }
}

std::future<Status> SinkRunner::begin_streaming(Lsn position) {
    return call([this, position](Sink& sink) -> Status {
        position_ = position;
        advanced_ = position;
        return sink.begin_streaming(position);
    });
}

std::optional<Status> SinkRunner::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

bool SinkRunner::stop(std::chrono::milliseconds timeout) {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        wake_if_waiting();
    }
    if (timeout != std::chrono::milliseconds::max() &&
        ended_future_.wait_for(timeout) != std::future_status::ready) {
        return false;
    }
    if (thread_.joinable()) thread_.join();
    return true;
}

void SinkRunner::run() {
    while (!stopping()) {
        Status status = step();
        if (status.ok() && idle()) status = rest();
        if (!status.ok()) {
            fail(status);
            break;
        }
        wait();
    }
    drop_queue();
    sink_.close();
}

Status SinkRunner::step() {
    take_queued();
    if (taken_.empty()) CDC_RETURN_IF_ERROR(advance_sink());
    while (!taken_.empty() && !stopping()) {
        const Item item = std::move(taken_.front());
        taken_.pop_front();
        CDC_RETURN_IF_ERROR(handle(item));
    }
    if (!open_) return {};
    CDC_RETURN_IF_ERROR(sink_.poll());
    publish();
    return {};
}

// The queue has run dry: the sink hears of it once after each run of slices.
Status SinkRunner::rest() {
    if (!std::exchange(written_, false)) return {};
    CDC_RETURN_IF_ERROR(sink_.ran_dry());
    publish();
    return {};
}

bool SinkRunner::stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

bool SinkRunner::idle() const {
    const std::lock_guard lock(mutex_);
    return nothing_to_do();
}

// With mutex_ held.
bool SinkRunner::nothing_to_do() const {
    return queue_.empty() && advance_to_ <= advanced_ && !stopping_;
}

// What was queued and not handed on: it is not durable, so the slot sends it again.
void SinkRunner::drop_queue() {
    std::deque<Item> dropped = std::move(taken_);
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        std::move(queue_.begin(), queue_.end(), std::back_inserter(dropped));
        queue_.clear();
    }
    for (const Item& item : dropped) {
        if (item.call) item.call->done.set_value(failure().value_or(Status::retry("it is stopping")));
    }
}

// Several at a time: with one-row transactions the lock and the sink's poll would cost more than the slice.
void SinkRunner::take_queued() {
    const std::lock_guard lock(mutex_);
    for (; !queue_.empty() && taken_.size() < most_at_once; queue_.pop_front())
        taken_.push_back(std::move(queue_.front()));
}

Status SinkRunner::handle(const Item& item) {
    if (!item.call) return hand_on(item.slice);
    const Status status = item.call->work(sink_);
    open_ = open_ || status.ok();
    if (open_) publish();  // who waits for a flush is to find what it made durable
    item.call->done.set_value(status);
    return {};
}

Status SinkRunner::hand_on(const SlicePtr& slice) {
    // A transaction is applied where its end LSN is at or before the position, which is where its commit
    // record starts before it.
    const bool applied = slice->kind == SliceKind::transaction && slice->commit_lsn < position_;
    if (!applied) {
        CDC_RETURN_IF_ERROR(sink_.write(slice));
        written_ = true;
    }
    if (slice->last) {
        advanced_ = std::max(advanced_, slice->end_lsn);
        if (!applied) pending_.push_back({slice->end_lsn, slice->commit_time_us});
    }
    return {};
}

// Only where nothing is queued: an LSN that was announced after a slice must not overtake it.
Status SinkRunner::advance_sink() {
    Lsn lsn;
    {
        const std::lock_guard lock(mutex_);
        if (!queue_.empty()) return {};
        lsn = advance_to_;
    }
    if (lsn <= advanced_) return {};
    advanced_ = lsn;
    return sink_.advance(lsn);
}

void SinkRunner::publish() {
    const Lsn durable = std::max(sink_.durable_lsn(), position_);
    const std::uint64_t progress = sink_.durable_progress();
    const bool same_progress = progress == progress_.load(std::memory_order_relaxed);
    if (same_progress && durable.value == durable_.load(std::memory_order_relaxed)) return;
    progress_.store(progress, std::memory_order_release);
    const std::int64_t now = now_us();
    while (!pending_.empty() && pending_.front().end_lsn <= durable) {
        statistics_.latency.record(now - pending_.front().commit_time_us);
        pending_.pop_front();
    }
    durable_.store(durable.value, std::memory_order_release);
    statistics_.durable_lsn.store(durable.value, std::memory_order_relaxed);
    statistics_.parked.store(sink_.parked(), std::memory_order_relaxed);
    changed_.signal();
}

// With mutex_ held. One-row transactions come by the hundred thousand a second: a thread that is at work
// looks at the queue by itself, and a system call for each of them on both sides costs more than handing it
// on.
void SinkRunner::wake_if_waiting() {
    if (std::exchange(waiting_, false)) wake_.signal();
}

void SinkRunner::wait() {
    {
        const std::lock_guard lock(mutex_);
        if (!nothing_to_do()) return;
        waiting_ = true;
    }
    const int sink_fd = open_ ? sink_.wait_fd() : -1;  // a negative fd is ignored
    std::array<pollfd, 2> fds = {pollfd{wake_.fd(), POLLIN, 0}, pollfd{sink_fd, POLLIN, 0}};
    ::poll(fds.data(), fds.size(), open_ ? timeout_until(sink_.poll_deadline()) : -1);
    const std::lock_guard lock(mutex_);
    if (!std::exchange(waiting_, false)) wake_.clear();
}

void SinkRunner::fail(const Status& status) {
    {
        const std::lock_guard lock(mutex_);
        failure_ = status;
    }
    changed_.signal();
}

}  // namespace cdc
