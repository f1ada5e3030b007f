#include "pipeline/stream_loop.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "base/failpoint.h"
#include "base/log.h"

namespace cdc {

using namespace std::chrono_literals;

namespace {

// How many messages are read before feedback, failures and the stop signal are looked at again.
constexpr int kMessagesPerTurn = 64;
// Bytes after which sinks need not wait for the end of the turn.
constexpr std::size_t kHandedOnTogether = 64 << 10;
// A server that says nothing for this long (or for half of receive_timeout, where that is less) is asked to
// answer: it proves that the connection stands, and moves the position on a server whose every change is
// filtered out (it sends keepalives only to clients that are silent).
constexpr std::chrono::milliseconds kSilence = 10s;

std::chrono::milliseconds ask_after(const config::Source& source) {
    return std::min(kSilence, source.receive_timeout / 2);
}
// The same while rows that were read beside the stream wait for it to reach them.
constexpr auto kWhileAChunkWaits = 20ms;
// A server that goes through a backlog sends small transactions one by one, and a reader that waits for the
// next is woken for each of them, which costs both more than the transaction. Where the newest is so far
// behind its commit, the reader looks again only a moment later, and finds many. Not so many that the server
// meets a full socket and has to wait: a Unix socket's buffer (net.core.wmem_default, 208 KiB) takes about a
// hundred one-row transactions, which it decodes in half a millisecond.
constexpr std::chrono::milliseconds kFarBehind = 20ms;
constexpr std::chrono::microseconds kNap = 250us;

}  // namespace

StreamLoop::StreamLoop(const Parts& parts, Lsn start_lsn)
    : parts_(parts),
      builder_(parts.budget),
      received_(start_lsn),
      next_feedback_(Clock::now()),
      last_heard_(Clock::now()) {}

Status StreamLoop::run() {
    while (true) {
        parts_.sinks.changed().clear();
        parts_.room.clear();
        parts_.backfill.changed().clear();
        if (std::optional<Status> failed = parts_.sinks.failure()) return *failed;
        tell_of_progress();
        if (parts_.stop.requested() && may_finish()) return finish();
        CDC_RETURN_IF_ERROR(read_available());
        CDC_RETURN_IF_ERROR(check_silence());
        CDC_RETURN_IF_ERROR(send_feedback_if_due());
        const auto silence_ends =
            last_heard_ + (asked_ ? parts_.config.source.receive_timeout : ask_after(parts_.config.source));
        const auto ask = parts_.backfill.waits() ? last_asked_ + kWhileAChunkWaits : Clock::time_point::max();
        if (!more_) wait(std::min({next_feedback_, stop_deadline_, silence_ends, ask}));
    }
}

Status StreamLoop::read_available() {
    const Status status = read_turn();
    hand_on();
    return status;
}

Status StreamLoop::read_turn() {
    for (int i = 0; i < kMessagesPerTurn; ++i) {
        const bool halted = parts_.backfill.gate().is_halted();
        if (halted_.slice && !halted) {
            const Halted next = std::exchange(halted_, {});
            next.slice->lease = parts_.budget.take(next.bytes);
            CDC_RETURN_IF_ERROR(accept(next.slice, next.sent_at_us));
            continue;
        }
        more_ = !halted && parts_.budget.has_room();
        if (!more_) {
            // Who does not listen can't tell whether somebody speaks.
            last_heard_ = Clock::now();
            return {};
        }
        Result<std::optional<source::StreamMessage>> message = parts_.stream.read();
        if (!message.ok()) return message.status();
        more_ = message->has_value();
        if (!more_) return {};
        heard();
        if (const auto* data = std::get_if<source::XLogData>(&**message)) {
            CDC_RETURN_IF_ERROR(take(*data));
        } else {
            CDC_RETURN_IF_ERROR(take(std::get<source::Keepalive>(**message)));
        }
        // While stopping, nothing new is begun.
        if (parts_.stop.requested() && !builder_.in_transaction()) return {};
    }
    return {};
}

Status StreamLoop::take(const source::XLogData& data) {
    const auto slice = builder_.stream_slice(data.payload);
    if (!slice.ok()) return slice.status();
    return accept(*slice, data.sent_at_us);
}

Status StreamLoop::accept(const std::shared_ptr<Slice>& slice, std::int64_t sent_at_us) {
    Slice& taken = *slice;
    if (taken.first) {
        CDC_RETURN_IF_ERROR(write_due(taken.commit_lsn));
        if (halts_at(taken.commit_lsn)) {
            halted_ = {slice, sent_at_us, taken.lease.bytes()};
            taken.lease.release();
            return {};
        }
    }
    CDC_RETURN_IF_ERROR(parts_.backfill.observe(taken));
    Statistics& statistics = parts_.statistics;
    const auto marks = static_cast<std::int64_t>(taken.first) + static_cast<std::int64_t>(taken.last);
    statistics.events += static_cast<std::int64_t>(taken.events.size()) - marks;
    statistics.bytes += static_cast<std::int64_t>(taken.bytes.size());
    if (taken.last) {
        statistics.transactions += 1;
        received_ = std::max(received_, taken.end_lsn);
        if (!first_end_) first_end_ = taken.end_lsn;
        statistics.received_lsn.store(received_.value, std::memory_order_relaxed);
    }
    if (taken.kind == SliceKind::transaction) {
        newest_commit_ = taken.commit_lsn;
        taken.behind = std::chrono::microseconds(sent_at_us - taken.commit_time_us);
        may_nap_ = taken.behind >= kFarBehind;
    }
    keep(slice);
    return failpoint("slice_received");
}

// A table is to be put here whole: from now on its reader alone writes to the sinks.
bool StreamLoop::halts_at(Lsn reached) {
    StreamGate& gate = parts_.backfill.gate();
    if (!gate.is_due(reached)) return false;
    hand_on();
    return gate.halt(reached);
}

// Slices go to the sinks together where many have come: each time costs locks and may wake threads.
void StreamLoop::keep(SlicePtr slice) {
    kept_bytes_ += slice->bytes.size();
    kept_.push_back(std::move(slice));
    if (kept_bytes_ >= kHandedOnTogether) hand_on();
}

void StreamLoop::hand_on() {
    if (kept_.empty()) return;
    parts_.sinks.write(kept_);
    kept_.clear();
    kept_bytes_ = 0;
}

Status StreamLoop::take(const source::Keepalive& keepalive) {
    reply_requested_ = reply_requested_ || keepalive.reply_requested;
    if (builder_.in_transaction()) return {};
    received_ = std::max(received_, keepalive.wal_end);
    parts_.statistics.received_lsn.store(received_.value, std::memory_order_relaxed);
    CDC_RETURN_IF_ERROR(write_due(received_));
    hand_on();
    parts_.sinks.advance(received_);
    halts_at(received_);
    return {};
}

// Rows that were read beside the stream and belong before what commits at `reached` or later.
Status StreamLoop::write_due(Lsn reached) {
    const auto slices = parts_.backfill.take_due(reached);
    if (!slices.ok()) return slices.status();
    for (const SlicePtr& slice : *slices) {
        parts_.statistics.snapshot_rows += static_cast<std::int64_t>(slice->events.size());
        parts_.statistics.bytes += static_cast<std::int64_t>(slice->bytes.size());
        keep(slice);
    }
    return {};
}

void StreamLoop::tell_of_progress() {
    const std::uint64_t stored = parts_.sinks.durable_progress();
    if (stored != std::exchange(stored_progress_, stored)) parts_.backfill.stored(stored);
}

// Whether the server should say how far it is, as rows that were read beside the stream belong there.
bool StreamLoop::chunk_waits() const {
    return Clock::now() >= last_asked_ + kWhileAChunkWaits && parts_.backfill.waits();
}

void StreamLoop::heard() {
    last_heard_ = Clock::now();
    asked_ = false;
}

bool StreamLoop::silent(std::chrono::milliseconds limit) const {
    return Clock::now() - last_heard_ >= limit;
}

// TCP notices a peer that is gone; a middle that hangs acknowledges everything and says nothing, for ever.
Status StreamLoop::check_silence() const {
    const auto limit = parts_.config.source.receive_timeout;
    if (!asked_ || !silent(limit)) return {};
    return Status::retry(
        fmt::format("the source has not answered for {:.0f} s", std::chrono::duration<double>(limit).count()),
        "source.receive_timeout says for how long it may not");
}

Status StreamLoop::send_feedback_if_due() {
    const bool ask = chunk_waits() || (!asked_ && silent(ask_after(parts_.config.source)));
    if (!reply_requested_ && !ask && Clock::now() < next_feedback_) return {};
    return send_feedback();
}

Status StreamLoop::send_feedback() {
    const Lsn durable = parts_.sinks.durable_lsn();
    const bool ask = chunk_waits() || silent(ask_after(parts_.config.source));
    if (ask) last_asked_ = Clock::now();
    CDC_RETURN_IF_ERROR(failpoint("before_feedback"));
    CDC_RETURN_IF_ERROR(parts_.stream.send_feedback(std::max(received_, durable), durable, ask));
    CDC_RETURN_IF_ERROR(failpoint("after_feedback"));
    parts_.statistics.confirmed_lsn.store(durable.value, std::memory_order_relaxed);
    parts_.statistics.held_bytes.store(static_cast<std::int64_t>(parts_.budget.held()),
                                       std::memory_order_relaxed);
    reply_requested_ = false;
    asked_ = asked_ || ask;
    next_feedback_ = Clock::now() + parts_.config.source.feedback_interval;
    return {};
}

// The open transaction is given half of the time to end; it is abandoned then (the slot sends it again).
bool StreamLoop::may_finish() {
    if (parts_.backfill.gate().is_halted()) {
        parts_.backfill.gate().shut();
        return true;
    }
    if (!builder_.in_transaction()) return true;
    if (stop_deadline_ == Clock::time_point::max()) {
        stop_deadline_ = parts_.stop.since() + parts_.config.shutdown_timeout / 2;
        log_info("pipeline {}: stopping after the open transaction", parts_.config.name);
    }
    return Clock::now() >= stop_deadline_;
}

// The last quarter of the time is for closing what could not be flushed.
Status StreamLoop::finish() {
    const Clock::time_point deadline = parts_.stop.since() + parts_.config.shutdown_timeout * 3 / 4;
    const auto left = std::chrono::floor<std::chrono::milliseconds>(deadline - Clock::now());
    parts_.sinks.begin_flush(std::max(left, std::chrono::milliseconds(0)));
    while (!parts_.sinks.flushed() && Clock::now() < deadline) {
        CDC_RETURN_IF_ERROR(send_feedback_if_due());
        ::poll(nullptr, 0, 5);
    }
    const Status flushed = parts_.sinks.flush_status();
    left_nothing_ = flushed.ok() && !builder_.in_transaction() && !halted_.slice;
    if (!flushed.ok()) {
        log_warning("pipeline {}: stopped before everything was durable, it will be sent again: {}",
                    parts_.config.name, flushed.to_string());
    }
    CDC_RETURN_IF_ERROR(send_feedback());
    return parts_.stream.finish();
}

void StreamLoop::wait(Clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::microseconds>(until - Clock::now());
    // A stop signal stays readable: it is waited for only until it has been seen.
    const int stop_fd = parts_.stop.requested() ? -1 : parts_.stop.fd();
    const bool nap = std::exchange(may_nap_, false);
    const bool reads = parts_.budget.has_room() && !nap && !parts_.backfill.gate().is_halted();
    const int stream_fd = reads ? parts_.stream.fd() : -1;
    std::array<pollfd, 5> fds = {pollfd{stream_fd, POLLIN, 0}, pollfd{parts_.sinks.changed().fd(), POLLIN, 0},
                                 pollfd{parts_.room.fd(), POLLIN, 0}, pollfd{stop_fd, POLLIN, 0},
                                 pollfd{parts_.backfill.changed().fd(), POLLIN, 0}};
    const std::chrono::microseconds longest = nap ? kNap : std::chrono::minutes(1);
    const std::int64_t us = std::clamp(left, std::chrono::microseconds(0), longest).count();
    const timespec timeout{us / 1'000'000, us % 1'000'000 * 1000};
    ::ppoll(fds.data(), fds.size(), &timeout, nullptr);
    if ((fds[0].revents & POLLIN) != 0) heard();  // maybe a part of a message that takes minutes to come
}

}  // namespace cdc
