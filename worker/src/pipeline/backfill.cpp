// Backfill: the pipeline's thread.
#include "pipeline/backfill.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "source/source_connection.h"

namespace cdc {

using incremental::ChunkWindow;
using incremental::RunProgress;

namespace {

// Keys and their bytes: they go with a sink's position, which Kafka takes as one message of 1 MB at most,
// with all of their quotes escaped.
constexpr incremental::RowsToReadAgain::Most most_read_again{10000, 256u << 10};

}  // namespace

Backfill::Backfill(Parts parts)
    : parts_(std::move(parts)), stop_check_([this] { return stopping(); }), builder_(parts_.budget) {}

Backfill::~Backfill() {
    stop_.signal();
    moved_on_.notify_all();
    if (thread_.joinable()) thread_.join();
    parts_.statistics.run.store(0);
}

bool Backfill::stopping() const {
    pollfd entry{stop_.fd(), POLLIN, 0};
    return ::poll(&entry, 1, 0) > 0;
}

Status Backfill::start() {
    CDC_RETURN_IF_ERROR(connect());
    const Result<bool> there = source::has_snapshot_signals(*sql_);
    if (!there.ok()) return there.status();
    if (!*there) {
        log_debug(
            "pipeline {}: cdc_envelope.snapshot_signal can't be read and written: no snapshots of single "
            "tables",
            parts_.config.name);
        sql_.reset();
        return {};
    }
    const auto signals = source::snapshot_signals(*sql_, parts_.config.source.slot, false);
    if (!signals.ok()) return signals.status();
    if (!signals->empty()) CDC_RETURN_IF_ERROR(take_up(signals->front()));
    thread_ = std::thread([this] { run(); });
    return {};
}

// What every sink that stores it has of the run: the least of it. Nothing where one has none.
std::optional<RunProgress> Backfill::stored_progress(const Signal& signal) const {
    std::optional<RunProgress> least;
    for (const std::string& text : parts_.stored) {
        if (text.empty()) return std::nullopt;
        const Result<RunProgress> progress = incremental::read_progress(text);
        if (!progress.ok() || progress->signal != signal.id || progress->run != signal.run_id)
            return std::nullopt;
        if (!least || progress->chunks < least->chunks) least = *progress;
    }
    return least;
}

Status Backfill::take_up(const Signal& signal) {
    const std::optional<RunProgress> progress = stored_progress(signal);
    if (!progress || signal.state == "requested") return {};
    auto table = source::describe_table(*sql_, parts_.config.source, signal.schema, signal.table);
    if (!table.ok()) return table.status().code() == StatusCode::retry ? table.status() : Status{};
    table_ = std::move(*table);
    if (progress->form != table_.form()) return {};
    if (table_.in_one_pass()) {  // all of it or nothing
        const std::lock_guard lock(mutex_);
        if (progress->done) progress_ = *progress;
        return {};
    }
    log_info("pipeline {}: snapshot {} of {} goes on behind its chunk {}", parts_.config.name, signal.id,
             source::display_name(table_.table), progress->chunks);
    activate(*progress);
    return {};
}

void Backfill::activate(RunProgress progress) {
    const std::lock_guard lock(mutex_);
    // Together well below what stops the reading of the stream.
    const std::size_t max_touched = parts_.config.memory_limit / 8;
    window_.emplace(table_.names, max_touched, most_read_again);
    for (const std::string& key : progress.again)
        window_->read_again().add_settled(key);
    if (progress.from_start) progress.after.clear();
    progress_ = std::move(progress);
    done_number_ = 0;
}

bool Backfill::waits() const {
    if (gate_.is_awaited()) return true;
    const std::lock_guard lock(mutex_);
    return window_ && window_->is_open();
}

Status Backfill::observe(Slice& slice) {
    const std::lock_guard lock(mutex_);
    if (!window_) return {};
    bool more = false;
    for (const Event& event : slice.events) {
        const Result<bool> grown = window_->observe(event);
        if (!grown.ok()) return grown.status();
        more = more || *grown;
    }
    if (!more) return {};
    progress_.again = window_->read_again().keys();
    progress_.from_start = window_->read_again().from_start();
    attach_progress(slice);
    return {};
}

// With mutex_ held.
void Backfill::attach_progress(Slice& slice) {
    slice.snapshot_progress = to_json(progress_);
    slice.progress_number = ++handed_over_;
    if (progress_.done) done_number_ = handed_over_;
    const std::size_t held = slice.lease.bytes() + slice.snapshot_progress.size();
    slice.lease.release();
    slice.lease = parts_.budget.take(held);
}

void Backfill::stored(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    stored_ = number;
    moved_on_.notify_all();
}

Result<std::vector<SlicePtr>> Backfill::take_due(Lsn reached) {
    std::vector<SlicePtr> slices;
    const std::lock_guard lock(mutex_);
    if (!window_ || !window_->is_open() || window_->mark() > reached) return slices;
    const ChunkWindow::Closed closed = window_->close();
    delivered_ = Delivered{closed.whole, static_cast<std::int64_t>(closed.rows.size()),
                           static_cast<std::int64_t>(closed.left_out), 0, 0};
    if (closed.whole) {
        const incremental::RowsToReadAgain& again = window_->read_again();
        ++progress_.chunks;
        progress_.rows += delivered_->rows;
        progress_.after = last_;
        progress_.again = again.keys();
        progress_.from_start = again.from_start();
        progress_.done = end_ && again.empty();
        Status failure;
        slices = to_slices(closed, failure);
        if (!failure.ok()) return failure;
        delivered_->number = handed_over_;
        for (const SlicePtr& slice : slices)
            delivered_->bytes += static_cast<std::int64_t>(slice->bytes.size());
    }
    lease_.release();
    moved_on_.notify_all();
    return slices;
}

// In pieces of about batch_bytes; the last has the run's progress, and there is one even without a row.
std::vector<SlicePtr> Backfill::to_slices(const ChunkWindow::Closed& closed, Status& failure) {
    std::vector<std::shared_ptr<Slice>> made;
    std::string bytes;
    std::int64_t rows = 0;
    const auto cut = [&] {
        auto slice =
            builder_.snapshot_slice(std::exchange(bytes, {}), std::exchange(rows, 0), closed.chunk.mark);
        if (!slice.ok()) failure = slice.status();
        if (slice.ok()) made.push_back(*slice);
    };
    for (const std::size_t row : closed.rows) {
        const std::string_view line = closed.chunk.envelope(closed.chunk.rows[row]);
        if (!bytes.empty() && bytes.size() + line.size() > parts_.config.source.batch_bytes) cut();
        if (!bytes.empty()) bytes += '\n';
        bytes += line;
        ++rows;
    }
    if (!bytes.empty()) cut();
    if (made.empty()) {
        made.push_back(std::make_shared<Slice>());
        made.back()->kind = SliceKind::snapshot;
        made.back()->commit_lsn = closed.chunk.mark;
    }
    for (const auto& slice : made)
        slice->run_id = progress_.run;
    attach_progress(*made.back());
    return {made.begin(), made.end()};
}

}  // namespace cdc
