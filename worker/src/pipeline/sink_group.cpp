#include "pipeline/sink_group.h"

#include <algorithm>

namespace cdc {

using namespace std::chrono_literals;

SinkGroup::SinkGroup(const std::vector<std::unique_ptr<Sink>>& sinks, Statistics& statistics, StopCheck stop)
    : stop_(std::move(stop)) {
    for (std::size_t i = 0; i < sinks.size(); ++i) {
        runners_.push_back(std::make_unique<SinkRunner>(*sinks[i], *statistics.sinks[i], changed_));
    }
}

Status SinkGroup::on_each(const std::function<Status(Sink&, std::size_t)>& work) {
    std::vector<std::future<Status>> calls;
    for (std::size_t i = 0; i < runners_.size(); ++i) {
        calls.push_back(runners_[i]->call([work, i](Sink& sink) { return work(sink, i); }));
    }
    return wait_for(calls);
}

Status SinkGroup::begin_streaming(const std::vector<Lsn>& positions) {
    std::vector<std::future<Status>> calls;
    for (std::size_t i = 0; i < runners_.size(); ++i) {
        calls.push_back(runners_[i]->begin_streaming(positions[i]));
    }
    return wait_for(calls);
}

Status SinkGroup::wait_for(std::vector<std::future<Status>>& calls) {
    Status first;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        while (calls[i].wait_for(100ms) != std::future_status::ready) {
            if (stop_()) return Status::retry("stopped while waiting for sink " + runners_[i]->name());
            if (const std::optional<Status> failed = failure()) return *failed;
        }
        const Status status = calls[i].get();
        if (!status.ok() && first.ok()) first = status.in("sink " + runners_[i]->name());
    }
    return first;
}

void SinkGroup::write(std::span<const SlicePtr> slices) {
    for (const auto& runner : runners_)
        runner->write(slices);
}

void SinkGroup::advance(Lsn lsn) {
    for (const auto& runner : runners_)
        runner->advance(lsn);
}

Lsn SinkGroup::durable_lsn() const {
    Lsn least = runners_.front()->durable_lsn();
    for (const auto& runner : runners_)
        least = std::min(least, runner->durable_lsn());
    return least;
}

std::uint64_t SinkGroup::durable_progress() const {
    std::uint64_t least = runners_.front()->durable_progress();
    for (const auto& runner : runners_)
        least = std::min(least, runner->durable_progress());
    return least;
}

std::optional<Status> SinkGroup::failure() const {
    for (const auto& runner : runners_) {
        if (const std::optional<Status> status = runner->failure())
            return status->in("sink " + runner->name());
    }
    return std::nullopt;
}

void SinkGroup::begin_flush(std::chrono::milliseconds timeout) {
    for (const auto& runner : runners_) {
        flushes_.push_back(runner->call([timeout](Sink& sink) { return sink.flush(timeout); }));
    }
}

bool SinkGroup::flushed() const {
    return std::all_of(flushes_.begin(), flushes_.end(),
                       [](const auto& flush) { return flush.wait_for(0s) == std::future_status::ready; });
}

Status SinkGroup::flush_status() {
    Status first;
    for (std::size_t i = 0; i < flushes_.size(); ++i) {
        if (flushes_[i].wait_for(0s) != std::future_status::ready) {
            return Status::retry("sink " + runners_[i]->name() + " is still busy");
        }
        const Status status = flushes_[i].get();
        if (!status.ok() && first.ok()) first = status.in("sink " + runners_[i]->name());
    }
    flushes_.clear();
    return first;
}

bool SinkGroup::stop(std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    bool all = true;
    for (const auto& runner : runners_) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        all = runner->stop(std::max(left, 0ms)) && all;
    }
    return all;
}

}  // namespace cdc
