// RowsToReadAgain: the keys whose rows the stream has told of without all of their values, so that only the
// table still has them. Each stays until a chunk has read it whose snapshot sees the transaction that did it.
// Past the most that is kept, they are let go and the whole table is read again from its start.
//
// Owner: the ChunkWindow. Thread: plain value.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "incremental/visibility.h"

namespace cdc::incremental {

class RowsToReadAgain {
  public:
    struct Most {
        std::size_t keys;
        std::size_t bytes;  // of them
    };
    explicit RowsToReadAgain(Most most) : most_(most) {}

    // key: as in Chunk::Row. Returns whether anything is new.
    bool add(std::string key, std::uint32_t xid) {
        if (from_start_) {
            add_before_start(xid);
            return false;
        }
        const std::size_t size = key.size();
        if (!keys_.insert_or_assign(std::move(key), xid).second) return false;
        bytes_ += size;
        return keys_.size() <= most_.keys && bytes_ <= most_.bytes ? true : add_all(xid);
    }
    // Which row it was is not known: any. Returns as add does.
    bool add_all(std::uint32_t xid) {
        const bool is_new = !std::exchange(from_start_, true);
        for (const auto& [each, of_each] : keys_) {
            if (of_each) add_before_start(*of_each);
        }
        add_before_start(xid);
        keys_.clear();
        bytes_ = 0;
        return is_new;
    }
    // From stored progress: every snapshot from now on sees what did it.
    void add_settled(std::string key) {
        bytes_ += key.size();
        keys_.emplace(std::move(key), std::nullopt);
    }

    std::vector<std::string> keys() const {
        std::vector<std::string> all;
        for (const auto& [key, xid] : keys_)
            all.push_back(key);
        return all;
    }
    bool empty() const { return keys_.empty() && !from_start_; }

    // Whether the table is to be read from its start.
    bool from_start() const { return from_start_; }
    // Whether a chunk under this snapshot may be the new first one.
    bool may_start(const Visibility& seen) const {
        return std::ranges::all_of(before_start_, [&](std::uint32_t xid) { return seen.sees(xid); });
    }
    void started() {
        from_start_ = false;
        before_start_.clear();
    }

    // All later snapshots see what this one sees.
    void forget(const Visibility& seen) {
        std::erase_if(before_start_, [&](std::uint32_t xid) { return seen.sees(xid); });
    }
    bool wants_forgetting() const { return before_start_.size() > most_.keys; }

    // A chunk has read these keys, and what it read is delivered.
    void have_read(const std::vector<std::string>& keys, const Visibility& seen) {
        for (const std::string& key : keys) {
            const auto known = keys_.find(key);
            if (known == keys_.end() || (known->second && !seen.sees(*known->second))) continue;
            bytes_ -= known->first.size();
            keys_.erase(known);
        }
    }

  private:
    void add_before_start(std::uint32_t xid) {
        if (before_start_.empty() || before_start_.back() != xid) before_start_.push_back(xid);
    }

    const Most most_;
    std::size_t bytes_ = 0;  // of keys_
    std::map<std::string, std::optional<std::uint32_t>> keys_;
    bool from_start_ = false;
    std::vector<std::uint32_t> before_start_;  // transactions that the new first chunk must see
};

}  // namespace cdc::incremental
