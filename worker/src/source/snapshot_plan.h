// SnapshotPlan: which rows of which table are read next, for readers side by side on one exported snapshot,
// and how far they are together.
//
// A table is cut into ranges of pages (ctid): every row that the snapshot shows is in one page, and stays in
// it as long as the table is not rewritten, so the ranges hold each row once. How many pages make a chunk is
// estimated from the catalogue and corrected by each chunk that has been read. Every reader begins with a
// table of its own; when none is left unopened they help each other. A helper needs the table's lock before
// it takes a range: while ranges are left, a reader that has verified the table holds the lock too, so no DDL
// can come between; when none is left there is nothing to help with.
//
// Owner: the readers share it. Thread: safe from any (one mutex). Failure: none.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "source/captured_tables.h"

namespace cdc::source {

// Pages [first, end) of a table.
struct PageRange {
    std::int64_t first = 0;
    std::int64_t end = 0;      // pages, for the account
    bool whole_table = false;  // without a condition: what can't or need not be cut
    bool to_the_end = false;   // no upper bound: a page added since holds nothing that the snapshot shows
};

struct SnapshotProgress {
    std::int64_t rows = 0;   // read so far
    std::int64_t bytes = 0;  // of their envelopes
    std::int64_t rows_expected = 0;
    std::int64_t pages_done = 0;
    std::int64_t pages_total = 0;  // the catalogue's estimate, until a table has been opened
    std::size_t tables_done = 0;
};

class SnapshotPlan {
  public:
    // chunk_rows: about how many rows a range holds. by_pages: the server can scan a range of ctid (14+).
    // first: how many of the tables are read before any of the others, which wait for open_rest.
    SnapshotPlan(std::vector<CapturedTable> tables, std::int64_t chunk_rows, bool by_pages,
                 std::size_t first);
    SnapshotPlan(std::vector<CapturedTable> tables, std::int64_t chunk_rows, bool by_pages)
        : SnapshotPlan(std::move(tables), chunk_rows, by_pages, static_cast<std::size_t>(-1)) {}

    const std::vector<CapturedTable>& tables() const { return tables_; }

    struct Choice {
        std::size_t table = 0;
        bool first = false;  // nobody has opened it: the caller locks and verifies it, then says opened
    };
    // The table a reader should turn to; nothing when nobody needs it any more.
    std::optional<Choice> choose();
    // Those that were to wait may be read too.
    void open_rest();
    // The table is locked, as the snapshot shows it, and has this many pages now, in this file.
    void opened(std::size_t table, std::int64_t pages, std::int64_t filenode = 0);
    std::int64_t filenode(std::size_t table) const;
    // It has been dropped: nothing of it is read.
    void skip(std::size_t table);
    // The next range of an opened table, to be called with its lock held; nothing when all are taken.
    std::optional<PageRange> take(std::size_t table);
    // Rows of a range that is being read.
    void read(std::size_t table, std::int64_t rows, std::int64_t bytes);
    // The range has been read, with this many rows. The table's rows where it was the last one.
    std::optional<std::int64_t> finished(std::size_t table, const PageRange& range, std::int64_t rows);

    SnapshotProgress progress() const;
    // Of one table.
    struct Part {
        std::int64_t rows = 0;
        std::int64_t bytes = 0;
        std::int64_t ranges = 0;  // that are finished
        std::int64_t pages = 0;   // 0 before it is opened
        std::int64_t pages_done = 0;
        bool opened = false;
        bool done = false;
        std::chrono::duration<double> age{0};      // since it was opened
        std::chrono::duration<double> reading{0};  // the same, up to its end where it is done
    };
    Part part(std::size_t table) const;
    // The tables that have been opened, and of which no row has been read.
    std::vector<std::size_t> without_rows() const;

  private:
    using Clock = std::chrono::steady_clock;

    struct State {
        bool chosen = false;
        bool opened = false;
        std::int64_t pages = 0;
        std::int64_t next_page = 0;
        std::int64_t filenode = 0;
        bool all_taken = false;
        int being_read = 0;  // ranges
        std::int64_t rows = 0;
        std::int64_t bytes = 0;
        std::int64_t pages_done = 0;
        std::int64_t rows_in_done = 0;  // of the ranges that are finished
        std::int64_t ranges_done = 0;
        bool done = false;
        Clock::time_point opened_at, done_at;
    };

    std::int64_t chunk_pages(const CapturedTable& table, const State& state) const;

    const std::vector<CapturedTable> tables_;
    const std::int64_t chunk_rows_;
    const bool by_pages_;
    mutable std::mutex mutex_;
    std::vector<State> states_;
    std::size_t may_be_read_;  // tables before this one
    std::int64_t bytes_ = 0;
    std::size_t tables_done_ = 0;
};

}  // namespace cdc::source
