#include "source/snapshot_plan.h"

#include <algorithm>
#include <utility>

namespace cdc::source {
namespace {

// Where neither the catalogue nor a chunk says how many rows a page holds.
constexpr double rows_a_page_unknown = 60;
// A range ends at the latest here (1 GiB of 8 KiB pages), however few rows a bloated table has.
constexpr std::int64_t most_pages = 131072;

}  // namespace

SnapshotPlan::SnapshotPlan(std::vector<CapturedTable> tables, std::int64_t chunk_rows, bool by_pages,
                           std::size_t first)
    : tables_(std::move(tables)),
      chunk_rows_(chunk_rows),
      by_pages_(by_pages),
      states_(tables_.size()),
      may_be_read_(std::min(first, tables_.size())) {
    for (std::size_t i = 0; i < tables_.size(); ++i)
        states_[i].pages = tables_[i].estimated_pages;
}

std::optional<SnapshotPlan::Choice> SnapshotPlan::choose() {
    const std::lock_guard lock(mutex_);
    std::optional<Choice> help;
    for (std::size_t i = 0; i < may_be_read_; ++i) {
        State& state = states_[i];
        if (!state.chosen) {
            state.chosen = true;
            return Choice{i, true};
        }
        const auto left = [this](std::size_t table) {
            return states_[table].pages - states_[table].next_page;
        };
        const bool helpful = state.opened && !state.all_taken;
        if (helpful && (!help || left(i) > left(help->table))) help = Choice{i, false};
    }
    return help;
}

void SnapshotPlan::open_rest() {
    const std::lock_guard lock(mutex_);
    may_be_read_ = tables_.size();
}

void SnapshotPlan::opened(std::size_t table, std::int64_t pages, std::int64_t filenode) {
    const std::lock_guard lock(mutex_);
    states_[table].opened = true;
    states_[table].pages = pages;
    states_[table].filenode = filenode;
    states_[table].opened_at = Clock::now();
}

std::int64_t SnapshotPlan::filenode(std::size_t table) const {
    const std::lock_guard lock(mutex_);
    return states_[table].filenode;
}

SnapshotPlan::Part SnapshotPlan::part(std::size_t table) const {
    const std::lock_guard lock(mutex_);
    const State& state = states_[table];
    Part part{state.rows, state.bytes, state.ranges_done, 0, state.pages_done, state.opened, state.done,
              {},         {}};
    if (!state.opened) return part;
    const Clock::time_point now = Clock::now();
    part.pages = state.pages;
    part.age = now - state.opened_at;
    part.reading = (state.done ? state.done_at : now) - state.opened_at;
    return part;
}

void SnapshotPlan::skip(std::size_t table) {
    const std::lock_guard lock(mutex_);
    State& state = states_[table];
    state.pages = 0;
    state.all_taken = true;
    state.done = true;
    ++tables_done_;
}

std::int64_t SnapshotPlan::chunk_pages(const CapturedTable& table, const State& state) const {
    double rows_a_page = rows_a_page_unknown;
    if (state.pages_done > 0) {
        rows_a_page = static_cast<double>(state.rows_in_done) / static_cast<double>(state.pages_done);
    } else if (table.estimated_rows > 0 && table.estimated_pages > 0) {
        rows_a_page = static_cast<double>(table.estimated_rows) / static_cast<double>(table.estimated_pages);
    }
    if (rows_a_page * static_cast<double>(most_pages) <= static_cast<double>(chunk_rows_)) return most_pages;
    return std::max<std::int64_t>(1,
                                  static_cast<std::int64_t>(static_cast<double>(chunk_rows_) / rows_a_page));
}

std::optional<PageRange> SnapshotPlan::take(std::size_t table) {
    const std::lock_guard lock(mutex_);
    State& state = states_[table];
    if (state.all_taken) return std::nullopt;
    PageRange range;
    range.first = state.next_page;
    // Without a key nothing but the order of one pass says which of two equal rows came first.
    const bool cut = by_pages_ && tables_[table].has_key;
    const std::int64_t pages = chunk_pages(tables_[table], state);
    if (!cut || state.next_page + pages >= state.pages) {
        range.whole_table = state.next_page == 0;
        range.to_the_end = true;
        range.end = state.pages;
        state.all_taken = true;
    } else {
        range.end = state.next_page + pages;
    }
    state.next_page = range.end;
    ++state.being_read;
    return range;
}

void SnapshotPlan::read(std::size_t table, std::int64_t rows, std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    states_[table].rows += rows;
    states_[table].bytes += bytes;
    bytes_ += bytes;
}

std::optional<std::int64_t> SnapshotPlan::finished(std::size_t table, const PageRange& range,
                                                   std::int64_t rows) {
    const std::lock_guard lock(mutex_);
    State& state = states_[table];
    state.pages_done += range.end - range.first;
    state.rows_in_done += rows;
    ++state.ranges_done;
    if (--state.being_read > 0 || !state.all_taken) return std::nullopt;
    state.done = true;
    state.done_at = Clock::now();
    ++tables_done_;
    return state.rows;
}

SnapshotProgress SnapshotPlan::progress() const {
    const std::lock_guard lock(mutex_);
    SnapshotProgress progress;
    progress.bytes = bytes_;
    progress.tables_done = tables_done_;
    for (std::size_t i = 0; i < states_.size(); ++i) {
        progress.rows += states_[i].rows;
        progress.rows_expected += std::max(tables_[i].estimated_rows, states_[i].rows);
        progress.pages_done += states_[i].pages_done;
        progress.pages_total += states_[i].pages;
    }
    return progress;
}

std::vector<std::size_t> SnapshotPlan::without_rows() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::size_t> tables;
    for (std::size_t i = 0; i < states_.size(); ++i) {
        if (states_[i].opened && states_[i].rows == 0) tables.push_back(i);
    }
    return tables;
}

}  // namespace cdc::source
