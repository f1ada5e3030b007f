// A model of a PostgreSQL source as logical decoding and snapshots show it: transactions that lock the rows
// they write, commit records in the WAL's order, and an end (from when on new snapshots see it, and others
// may have its rows) that comes later than the commit record.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace cdc::incremental {

struct ModelRow {
    std::int64_t version = 0;  // of the last write: what is newer has more
    std::int64_t large = 0;    // the version of the write that last set the large value (TOAST)
    bool operator==(const ModelRow&) const = default;
};
using ModelTable = std::map<int, ModelRow>;

struct ModelEvent {
    char op = 'c';  // c u d t
    int key = 0;
    int old_key = 0;  // u: differs from key where the row moved
    ModelRow row;
    bool unchanged = false;  // the event has not the large value
};

struct ModelTransaction {
    std::uint32_t xid = 0;
    std::uint64_t commit_lsn = 0;
    std::vector<ModelEvent> events;
    std::set<int> locked;
    bool locks_all = false;
};

class SourceModel {
  public:
    SourceModel(std::uint32_t seed, int keys, std::uint64_t first_xid)
        : random_(seed), keys_(keys), next_xid_(first_xid) {}

    std::size_t roll(std::size_t sides) { return random_() % sides; }

    // One thing happens: a transaction begins, writes, rolls back, commits (its record is written), or ends.
    void step() {
        switch (roll(8)) {
            case 0:
                if (running_.size() < 6)
                    running_.emplace_back().xid = static_cast<std::uint32_t>(next_xid_++);
                return;
            case 1:
                if (!running_.empty()) commit(roll(running_.size()));
                return;
            case 2:
            case 3:
                if (!ending_.empty()) end(roll(ending_.size()));
                return;
            default:
                if (!running_.empty()) write(running_[roll(running_.size())]);
        }
    }
    void finish() {
        while (!running_.empty())
            commit(0);
        while (!ending_.empty())
            end(0);
    }
    bool has_ending() const { return !ending_.empty(); }
    std::set<std::uint32_t> ending() const {
        std::set<std::uint32_t> xids;
        for (const ModelTransaction& each : ending_)
            xids.insert(each.xid);
        return xids;
    }

    // pg_current_snapshot's text.
    std::string snapshot() const {
        std::set<std::uint64_t> open;
        for (const auto* list : {&running_, &ending_}) {
            for (const ModelTransaction& each : *list)
                open.insert(full(each.xid));
        }
        std::string text =
            std::to_string(open.empty() ? next_xid_ : *open.begin()) + ":" + std::to_string(next_xid_) + ":";
        for (const std::uint64_t xid : open)
            text += (text.back() == ':' ? "" : ",") + std::to_string(xid);
        return text;
    }
    const ModelTable& seen() const { return seen_; }       // by a snapshot taken now
    std::uint64_t lsn() const { return next_lsn_; }        // the end of the WAL
    std::vector<ModelTransaction>& wal() { return wal_; }  // in the order of commit records

    // An xid with all of its 64 bits.
    std::uint64_t full(std::uint32_t xid) const {
        return next_xid_ + static_cast<std::uint64_t>(static_cast<std::int64_t>(
                               static_cast<std::int32_t>(xid - static_cast<std::uint32_t>(next_xid_))));
    }
    // The oldest that has not ended.
    std::uint64_t oldest_xid() const {
        std::uint64_t oldest = next_xid_;
        for (const auto* list : {&running_, &ending_}) {
            for (const ModelTransaction& each : *list)
                oldest = std::min(oldest, full(each.xid));
        }
        return oldest;
    }
    static void apply(const ModelEvent& event, ModelTable& table) {
        if (event.op == 't') return table.clear();
        if (event.op == 'd' || event.old_key != event.key)
            table.erase(event.op == 'd' ? event.key : event.old_key);
        if (event.op != 'd') table[event.key] = event.row;
    }

  private:
    bool locked(int key, const ModelTransaction& by) const {
        for (const auto* list : {&running_, &ending_}) {
            for (const ModelTransaction& each : *list) {
                if (&each != &by && (each.locks_all || each.locked.contains(key))) return true;
            }
        }
        return false;
    }
    // The row as the transaction itself sees it.
    std::optional<ModelRow> row_for(int key, const ModelTransaction& by) const {
        ModelTable table = seen_;
        for (const ModelEvent& event : by.events)
            apply(event, table);
        const auto row = table.find(key);
        return row == table.end() ? std::nullopt : std::optional(row->second);
    }

    void write(ModelTransaction& by) {
        const int key = static_cast<int>(roll(static_cast<std::size_t>(keys_)));
        const std::int64_t version = ++next_version_;
        if (roll(400) == 0) {
            const bool others = std::ranges::any_of(running_, [&](const auto& each) {
                return &each != &by && (each.locks_all || !each.locked.empty());
            });
            if (others || !ending_.empty()) return;
            by.locks_all = true;
            by.events.push_back({'t', 0, 0, {version, 0}, false});
            return;
        }
        if (locked(key, by)) return;
        by.locked.insert(key);
        const std::optional<ModelRow> row = row_for(key, by);
        if (!row) {
            by.events.push_back({'c', key, key, {version, version}, false});
        } else if (roll(4) == 0) {
            by.events.push_back({'d', key, key, {version, 0}, false});
        } else {
            const bool unchanged = roll(2) == 0;
            int to = key;
            if (roll(3) == 0) {
                to = static_cast<int>(roll(static_cast<std::size_t>(keys_)));
                if (locked(to, by) || row_for(to, by)) to = key;
                by.locked.insert(to);
            }
            by.events.push_back({'u', to, key, {version, unchanged ? row->large : version}, unchanged});
        }
    }
    void commit(std::size_t at) {
        ModelTransaction each = std::move(running_[at]);
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(at));
        if (roll(5) == 0) return;  // it rolls back
        each.commit_lsn = next_lsn_;
        next_lsn_ += 10;
        wal_.push_back(each);
        ending_.push_back(std::move(each));
    }
    void end(std::size_t at) {
        for (const ModelEvent& event : ending_[at].events)
            apply(event, seen_);
        ending_.erase(ending_.begin() + static_cast<std::ptrdiff_t>(at));
    }

    std::mt19937 random_;
    const int keys_;
    std::uint64_t next_xid_;
    std::uint64_t next_lsn_ = 10;
    std::int64_t next_version_ = 0;
    std::vector<ModelTransaction> running_;
    std::vector<ModelTransaction> ending_;  // the commit record is written, locks and xid are still held
    std::vector<ModelTransaction> wal_;
    ModelTable seen_;
};

}  // namespace cdc::incremental
