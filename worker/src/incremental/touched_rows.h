// TouchedRows: which rows of one table the stream's transactions have touched, as long as a snapshot might
// not see them yet. A commit record is in the WAL, and so may have been streamed, before its transaction is
// seen by new snapshots (PostgreSQL src/backend/access/transam/xact.c, CommitTransaction: the record is
// written and a synchronous standby waited for before ProcArrayEndTransaction). What was streamed *before* a
// chunk was read can therefore be newer than the chunk.
//
// Memory: what is seen by some snapshot is forgotten. Past max_bytes the rows' names are dropped and only
// the transactions kept, of which then any row may be touched; and where those alone take as much, only that
// there were some. Thread: plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "incremental/visibility.h"

namespace cdc::incremental {

struct TransparentHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// What one transaction did to the table.
struct Touch {
    // By source_id: whether the event left out a value (unchanged TOAST), which only the row itself has.
    std::unordered_map<std::string, bool, TransparentHash, std::equal_to<>> rows;
    bool any_row = false;    // which rows is not known any more
    bool truncated = false;  // all rows were removed
    bool redefined = false;  // the table's definition was changed
};

class TouchedRows {
  public:
    explicit TouchedRows(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    void touch(std::uint32_t xid, std::string_view source_id, bool incomplete);
    void truncate(std::uint32_t xid) { of(xid).truncated = true; }
    void redefine(std::uint32_t xid) { of(xid).redefined = true; }

    // Forgets the transactions that the snapshot sees: so do all later ones.
    void forget(const Visibility& seen);
    // Whether it would be well to look which transactions are seen by now.
    bool wants_forgetting() const { return bytes_ > max_bytes_ / 2; }

    const std::unordered_map<std::uint32_t, Touch>& transactions() const { return transactions_; }
    // Any transaction up to some time may have touched any row, and no snapshot has seen all of them yet.
    bool any_transaction() const { return newest_.has_value(); }

  private:
    Touch& of(std::uint32_t xid);
    void let_rows_go();

    // The newest of the transactions that were let go (32-bit ids, modulo 2^32).
    std::optional<std::uint32_t> newest_;
    const std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    std::unordered_map<std::uint32_t, Touch> transactions_;
};

}  // namespace cdc::incremental
