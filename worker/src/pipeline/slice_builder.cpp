#include "pipeline/slice_builder.h"

#include <utility>

#include "envelope/event_body.h"
#include "envelope/event_reader.h"

namespace cdc {
namespace {

Status gap(const Event& event, const std::string& what) {
    return Status::fatal("transaction at " + event.commit_lsn.to_string() + ": " + what,
                         "the stream is not whole; nothing of this transaction is confirmed");
}

// What a sink keeps for an event until it is durable, beside the slice: librdkafka's message with its key
// (rd_kafka_msg_t, a bit less for a short key), a projection's parsed row.
constexpr std::size_t kept_by_sinks = 320;

// b, the change, e: most transactions of most sources.
constexpr std::size_t one_row_transaction = 3;

// What a slice costs in memory: its bytes, its events, and what goes with them.
std::size_t weight(const Slice& slice) {
    return slice.bytes.capacity() + slice.events.capacity() * sizeof(Event) +
           slice.events.size() * kept_by_sinks + sizeof(Slice);
}

}  // namespace

Status SliceBuilder::read_lines(Slice& slice) const {
    const std::string_view bytes = slice.bytes;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
        Result<Event> event = read_event(bytes.substr(at, end - at));
        if (!event.ok()) return event.status();
        slice.events.push_back(*event);
        at = end + 1;
    }
    if (slice.events.empty()) return Status::fatal("the stream sent a message without an envelope");
    return {};
}

Status SliceBuilder::begin(Slice& slice, const Event& event) {
    if (open_) return gap(event, "begins inside the transaction at " + commit_lsn_.to_string());
    open_ = true;
    commit_lsn_ = event.commit_lsn;
    next_seq_ = 0;
    slice.first = true;
    return count_.take(event);
}

Status SliceBuilder::end(Slice& slice, const Event& event) {
    const Result<EventBody> body = read_body(event);
    if (!body.ok()) return body.status();
    CDC_RETURN_IF_ERROR(count_.end(event, *body));
    open_ = false;
    slice.last = true;
    slice.end_lsn = body->end_lsn;
    return {};
}

Status SliceBuilder::accept(Slice& slice, const Event& event) {
    if (event.op == Op::begin) return begin(slice, event);
    if (!open_ || event.commit_lsn != commit_lsn_) return gap(event, "an event came outside its transaction");
    if (event.op == Op::end) return end(slice, event);
    if (event.seq != next_seq_) {
        return gap(event,
                   "expected seq " + std::to_string(next_seq_) + ", received " + std::to_string(event.seq));
    }
    ++next_seq_;
    return count_.take(event);
}

Result<std::shared_ptr<Slice>> SliceBuilder::stream_slice(std::string_view payload) {
    auto slice = std::make_shared<Slice>();
    slice->bytes.assign(payload);
    slice->events.reserve(one_row_transaction);
    CDC_RETURN_IF_ERROR(read_lines(*slice));
    const Event& head = slice->events.front();
    slice->commit_lsn = head.commit_lsn;
    slice->xid = head.xid;
    if (head.op == Op::message && head.seq < 0) {  // non-transactional: belongs to no commit
        slice->kind = SliceKind::message;
    } else {
        const Result<std::int64_t> time = parse_timestamp_us(head.ts_source);
        if (!time.ok()) return time.status();
        slice->commit_time_us = *time;
        for (const Event& event : slice->events)
            CDC_RETURN_IF_ERROR(accept(*slice, event));
    }
    slice->lease = budget_.take(weight(*slice));
    return slice;
}

Result<std::shared_ptr<Slice>> SliceBuilder::snapshot_slice(std::string payload, std::int64_t rows,
                                                            Lsn consistent_point) {
    auto slice = std::make_shared<Slice>();
    slice->kind = SliceKind::snapshot;
    slice->bytes = std::move(payload);
    slice->events.reserve(static_cast<std::size_t>(rows));
    slice->commit_lsn = consistent_point;
    CDC_RETURN_IF_ERROR(read_lines(*slice));
    for (const Event& event : slice->events) {
        if (event.op != Op::read) return Status::fatal("the snapshot sent an event that is not a read");
    }
    slice->lease = budget_.take(weight(*slice));
    return slice;
}

}  // namespace cdc
