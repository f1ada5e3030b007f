// ChunkWindow: puts the chunks of one table into the stream so that no reader of it sees an older row after a
// newer one, nor a row that was deleted (docs/snapshots.md has the proof).
//
// The chunk's rows go behind the last transaction that commits before its mark. A row that a transaction
// streamed so far has touched, and that the chunk's snapshot does not see, is left out: the stream has told
// of it. Where that event itself lacked a value (unchanged TOAST), the row's key is read again in a later
// chunk; so is the new key of a row that moved without one of its values.
//
// Owner: the pipeline's Backfill, which guards it by a mutex. Thread: one at a time. Failure: as each call
// says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/lsn.h"
#include "base/status.h"
#include "envelope/event.h"
#include "incremental/chunk.h"
#include "incremental/rows_to_read_again.h"
#include "incremental/touched_rows.h"

namespace cdc::incremental {

// The names that the stream may show the table's rows under, unescaped: its own, and its ancestors' where it
// is a partition.
struct TableNames {
    struct Name {
        std::string schema, table;
        bool operator==(const Name&) const = default;
    };
    Name own;
    std::vector<Name> ancestors;
    std::vector<std::string> key;  // its columns' names, in order
};

class ChunkWindow {
  public:
    // max_touched: bytes for what the stream's transactions have touched; most_again: what is kept to be read
    // again, before the table is begun anew instead.
    ChunkWindow(TableNames names, std::size_t max_touched, RowsToReadAgain::Most most_again)
        : names_(std::move(names)), touched_(max_touched), again_(most_again) {}

    // Every event of the stream, in its order, from before the first chunk's snapshot on. Returns whether
    // read_again() has grown. Fatal where the line is not an envelope.
    Result<bool> observe(const Event& event);

    // A chunk has been read; none is open. Fatal where two of its rows can't be told apart.
    Status open(Chunk chunk);
    bool is_open() const { return chunk_.has_value(); }
    Lsn mark() const { return chunk_->mark; }

    struct Closed {
        Chunk chunk;
        std::vector<std::size_t> rows;  // those of the chunk that are to be delivered now, in their order
        std::size_t left_out = 0;       // how many are not
        bool whole = true;              // false: nothing of it may be delivered, and it must be read again
    };
    // The stream has come to the mark: every transaction that commits before it has been observed.
    Closed close();
    // Lets the open chunk go, as if it had not been read.
    void drop();

    // What all later snapshots see is forgotten; to be called whenever it is wanted, or memory grows.
    void forget(const Visibility& seen) {
        touched_.forget(seen);
        again_.forget(seen);
    }
    bool wants_forgetting() const { return touched_.wants_forgetting() || again_.wants_forgetting(); }

    // What the next chunk has to read too; the run is at its end only where it is empty.
    const RowsToReadAgain& read_again() const { return again_; }
    RowsToReadAgain& read_again() { return again_; }

  private:
    bool is_own(const Event& event);
    Result<bool> observe_row(const Event& event);
    Result<bool> note_moved(const Event& event);
    void leave_out(std::string_view source_id, std::uint32_t xid, bool incomplete);
    void leave_out_early(std::string_view source_id, std::uint32_t xid, bool incomplete);

    const TableNames names_;
    TouchedRows touched_;
    std::string last_schema_, last_table_;  // of the last event, escaped; and what is_own said of it
    bool last_own_ = false;
    std::optional<Chunk> chunk_;
    // By source_id (views into the chunk): the row, and whether it is left out and why.
    struct Place {
        std::size_t row = 0;
        bool left_out = false;
        bool incomplete = false;
        std::uint32_t xid = 0;  // of the transaction that left it incomplete
    };
    std::unordered_map<std::string_view, Place> places_;
    bool whole_ = true;
    bool truncated_ = false;
    RowsToReadAgain again_;
};

// The key of a row as SQL texts (Chunk::Row::key), from an envelope's key object; nothing where it has not
// the columns. Values are as docs/envelope.md has them: each is valid input of its type.
std::optional<std::string> key_texts(std::string_view key_object, const std::vector<std::string>& columns);

// A JSON string of plain text, with its quotes.
std::string json_string(std::string_view text);

}  // namespace cdc::incremental
