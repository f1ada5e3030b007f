// Random histories: whatever transactions, reads and delays there are, a consumer that applies stream and
// chunks in their order ends as the source is, and never takes an older row for a newer one on the way.

#include <gtest/gtest.h>

#include "envelope/event_reader.h"
#include "incremental/chunk_window.h"
#include "incremental/source_model.h"

namespace cdc::incremental {
namespace {

std::string source_id(int key) {
    return "pg://c/d/s.t/PK:" + std::to_string(key);
}

std::string envelope(const ModelEvent& event, const ModelTransaction& of) {
    const std::string key = R"({"id":)" + std::to_string(event.key) + "}";
    const bool all = event.op == 't';
    std::string line = R"({"source_id":")" + (all ? "pg://c/d/s.t" : source_id(event.key)) + '"';
    if (event.old_key != event.key) line += R"(,"old_source_id":")" + source_id(event.old_key) + '"';
    line += R"(,"schema_version":1,"op_type":")" + std::string(1, event.op) +
            R"(","ts_source":"2026-01-01T00:00:00.000000Z","commit_lsn":")" + Lsn{of.commit_lsn}.to_string() +
            R"(","xid":)" + std::to_string(of.xid) + R"(,"seq":0,"schema":"s","table":"t","key":)" +
            (all ? "null" : key) + R"(,"before":null,"after":)" + (all || event.op == 'd' ? "null" : "{}");
    if (event.unchanged) line += R"(,"unchanged":["large"])";
    return line + (all ? R"(,"truncate":{})" : "") + R"(,"evidence_id":"e"})";
}

// What a projection has: rows that may lack their large value, and how new what it knows of each key is.
struct Consumer {
    struct Row {
        std::int64_t version = 0;
        std::optional<std::int64_t> large;
    };
    std::map<int, Row> rows;
    std::map<int, std::int64_t> newest;  // also of what was deleted
    std::int64_t emptied = 0;

    void apply(const ModelEvent& event) {
        if (event.op == 't') {
            rows.clear();
            emptied = event.row.version;
            return;
        }
        newest[event.key] = newest[event.old_key] = event.row.version;
        if (event.op == 'd') {
            rows.erase(event.key);
            return;
        }
        std::optional<std::int64_t> large = event.row.large;
        if (event.unchanged) {
            const auto old = rows.find(event.old_key);
            large = old == rows.end() ? std::nullopt : old->second.large;
        }
        if (event.old_key != event.key) rows.erase(event.old_key);
        rows[event.key] = {event.row.version, large};
    }
    // False where the row is older than what is known.
    [[nodiscard]] bool read(int key, const ModelRow& row) {
        const bool newer = row.version >= newest[key] && row.version >= emptied;
        newest[key] = row.version;
        rows[key] = {row.version, row.large};
        return newer;
    }
};

class Simulation {
  public:
    // resumed: a first snapshot has delivered a part of the table, and was interrupted.
    Simulation(std::uint32_t seed, std::uint64_t first_xid, std::size_t max_touched, bool resumed)
        : resumed_(resumed),
          source_(seed, 40, first_xid),
          window_({{"s", "t"}, {}, {"id"}}, max_touched,
                  {seed % 5 == 0 ? 1u : 1000u, seed % 7 == 0 ? 10u : 100000u}) {}

    void run() {
        for (int i = 0; i < 300; ++i)
            source_.step();
        // Streaming begins at some point, without what was there before.
        streamed_ = source_.wal().size() - std::min<std::size_t>(source_.wal().size(), source_.roll(5));
        if (resumed_) read_at_the_slots_point();
        to_wait_for_ = source_.ending();  // whoever holds a lock on the table
        for (int i = 0; i < 4000 && !done_; ++i)
            step();
        source_.finish();
        while (!done_ || streamed_ < source_.wal().size()) {
            ASSERT_LT(++turns_, 10000) << "the run does not end";
            stream();
            work();
        }
        ModelTable got;
        for (const auto& [key, row] : consumer_.rows)
            got[key] = {row.version, row.large.value_or(-1)};
        EXPECT_EQ(got, source_.seen());
        EXPECT_EQ(older_, 0) << "rows delivered that were older than what was known";
    }
    std::size_t left_out() const { return left_out_; }
    std::size_t read_whole() const { return chunks_; }
    std::size_t in_vain() const { return in_vain_; }
    std::size_t dropped() const { return dropped_; }
    std::size_t passed_over() const { return passed_over_; }

  private:
    // Streaming begins at the slot's point, and so the snapshot sees what is before it in the WAL. Of the
    // pages that were read whole the rows are delivered, of others some. A version stays in its page.
    void read_at_the_slots_point() {
        ModelTable table;
        xmin_ = source_.oldest_xid();
        for (std::size_t i = 0; i < source_.wal().size(); ++i) {
            const ModelTransaction& each = source_.wal()[i];
            if (i >= streamed_) xmin_ = std::min(xmin_, source_.full(each.xid));
            for (const ModelEvent& event : each.events)
                if (i < streamed_) SourceModel::apply(event, table);
        }
        whole_pages_ = source_.roll(16);
        for (const auto& [key, row] : table) {
            if (in_whole_page(row) || source_.roll(2) == 0) {
                EXPECT_TRUE(consumer_.read(key, row));
            }
        }
    }
    bool in_whole_page(const ModelRow& row) const { return (whole_pages_ >> row.version % 4 & 1) != 0; }
    // What a run after the snapshot leaves out (first_snapshot.h, delivered_condition).
    bool delivered(const ModelRow& row) {
        if (!resumed_ || !in_whole_page(row)) return false;
        for (const ModelTransaction& each : source_.wal()) {
            for (const ModelEvent& event : each.events) {
                if (event.row.version == row.version) return source_.full(each.xid) < xmin_;
            }
        }
        return false;
    }

    void step() {
        source_.step();
        if (source_.roll(3) == 0) stream();
        if (source_.roll(6) == 0) work();
    }
    void stream() {
        const bool more = streamed_ < source_.wal().size();
        const std::uint64_t reached = more ? source_.wal()[streamed_].commit_lsn : source_.lsn();
        if (window_.is_open() && window_.mark().value <= reached) close();
        if (!more) return;
        const ModelTransaction& each = source_.wal()[streamed_++];
        for (const ModelEvent& event : each.events) {
            const std::string line = envelope(event, each);
            const Result<Event> read = read_event(line);
            ASSERT_TRUE(read.ok()) << read.status().to_string() << line;
            ASSERT_TRUE(window_.observe(*read).ok());
            consumer_.apply(event);
        }
    }
    void work() {
        // The connection was lost in between.
        if (window_.is_open() && source_.roll(5) == 0) {
            first_ = first_of_open_;
            window_.drop();
            ++dropped_;
        }
        if (done_ || window_.is_open()) return;
        for (const std::uint32_t xid : source_.ending()) {
            if (to_wait_for_.contains(xid)) return;
        }
        to_wait_for_.clear();
        const Result<Visibility> seen = Visibility::parse(source_.snapshot());
        ASSERT_TRUE(seen.ok());
        if (source_.roll(4) == 0) window_.forget(*seen);
        Chunk chunk;
        chunk.seen = *seen;
        chunk.mark = Lsn{source_.lsn()};
        chunk.first = first_ || window_.read_again().from_start();
        if (chunk.first) after_ = -1;
        first_of_open_ = std::exchange(first_, false);
        chunk.again = window_.read_again().keys();
        rows_.clear();
        last_ = after_;
        end_ = true;
        for (const auto& [key, row] : source_.seen()) {
            const std::string text = "[\"" + std::to_string(key) + "\"]";
            const bool again = std::ranges::find(chunk.again, text) != chunk.again.end();
            const bool in_range = key > after_ && in_range_ < 7;
            if (key > after_ && !in_range) end_ = false;
            if (in_range) ++in_range_, last_ = key;
            if (!again && !in_range) continue;
            if (!again && delivered(row)) {
                ++passed_over_;
                continue;
            }
            ModelTransaction none;
            none.commit_lsn = chunk.mark.value;
            chunk.add(text, envelope({'r', key, key, row, false}, none));
            rows_.emplace_back(key, row);
        }
        in_range_ = 0;
        ASSERT_TRUE(window_.open(std::move(chunk)).ok());
    }
    void close() {
        const ChunkWindow::Closed closed = window_.close();
        if (!closed.whole) {
            ++in_vain_;
            first_ = closed.chunk.first;
            return;
        }
        ++chunks_;
        left_out_ += closed.left_out;
        for (const std::size_t row : closed.rows)
            older_ += consumer_.read(rows_[row].first, rows_[row].second) ? 0 : 1;
        after_ = last_;
        done_ = end_ && window_.read_again().empty();
    }

    const bool resumed_;
    std::uint64_t xmin_ = 0;       // of the first snapshot
    std::size_t whole_pages_ = 0;  // of four, as bits
    SourceModel source_;
    ChunkWindow window_;
    Consumer consumer_;
    std::set<std::uint32_t> to_wait_for_;
    std::size_t streamed_ = 0, chunks_ = 0, dropped_ = 0, left_out_ = 0, in_vain_ = 0, passed_over_ = 0;
    int after_ = -1, last_ = -1, in_range_ = 0, turns_ = 0, older_ = 0;
    bool first_ = true, first_of_open_ = false, end_ = false, done_ = false;
    std::vector<std::pair<int, ModelRow>> rows_;
};

void histories(bool resumed) {
    std::size_t left_out = 0, chunks = 0, in_vain = 0, dropped = 0, passed_over = 0;
    for (std::uint32_t seed = 1; seed <= 3000 && !::testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const std::uint64_t first_xid = seed % 2 == 0 ? 700 : (std::uint64_t{3} << 32) - 60;
        Simulation simulation(seed, first_xid, seed % 3 == 0 ? 700 : 1u << 20, resumed);
        simulation.run();
        left_out += simulation.left_out();
        chunks += simulation.read_whole();
        in_vain += simulation.in_vain();
        dropped += simulation.dropped();
        passed_over += simulation.passed_over();
    }
    // The histories are such that it matters.
    EXPECT_GT(left_out, 1000u);
    EXPECT_GT(in_vain, 100u);
    EXPECT_GT(dropped, 1000u);
    EXPECT_GT(chunks, 10000u);
    EXPECT_EQ(passed_over > 1000, resumed) << passed_over;
}

TEST(ChunkWindowProperty, AConsumerEndsAsTheSourceIsAndNeverTakesAnOlderRow) {
    histories(false);
}

TEST(ChunkWindowProperty, SoDoesOneThatAFirstSnapshotHasGivenAPartOfTheTable) {
    histories(true);
}

}  // namespace
}  // namespace cdc::incremental
