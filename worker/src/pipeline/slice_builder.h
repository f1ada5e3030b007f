// SliceBuilder: the payloads of the replication stream and of the snapshot to Slices, and the proof that each
// transaction came whole: one b, the events in their order (seq), one e whose counts are those received.
//
// Owner and thread: the pipeline's. Failure: fatal, for a gap or a malformed line means that plugin and
// worker do not understand each other, or that bytes are missing; nothing after it may be delivered.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/byte_budget.h"
#include "base/status.h"
#include "envelope/slice.h"
#include "envelope/transaction_count.h"

namespace cdc {

class SliceBuilder {
  public:
    explicit SliceBuilder(ByteBudget& budget) : budget_(budget) {}

    // One message of the stream: lines of one transaction, or one non-transactional message.
    Result<std::shared_ptr<Slice>> stream_slice(std::string_view payload);
    // Lines of op r, read at consistent_point; rows: how many, 0 where not known.
    Result<std::shared_ptr<Slice>> snapshot_slice(std::string payload, std::int64_t rows,
                                                  Lsn consistent_point);

    // Whether a transaction has begun and not ended.
    bool in_transaction() const { return open_; }

  private:
    Status read_lines(Slice& slice) const;
    Status accept(Slice& slice, const Event& event);
    Status begin(Slice& slice, const Event& event);
    Status end(Slice& slice, const Event& event);

    ByteBudget& budget_;
    bool open_ = false;
    Lsn commit_lsn_;
    std::int64_t next_seq_ = 0;
    TransactionCount count_;  // of the open transaction
};

}  // namespace cdc
