// TransactionCount: the events of one transaction, counted by table as they pass, and held against what its e
// event says. The proof that a transaction came whole: made at every hop, by the reader of the stream and by
// each sink before it commits, so that what is lost on the way from one to the next is seen too.
//
// Owner: whoever counts. Thread: one. Failure: fatal where the counts differ: bytes are missing, and nothing
// behind them may be delivered.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "envelope/event.h"
#include "envelope/event_body.h"

namespace cdc {

class TransactionCount {
  public:
    TransactionCount() = default;
    TransactionCount(const TransactionCount&) = delete;  // counted_ points into tables_
    TransactionCount& operator=(const TransactionCount&) = delete;

    // The next event of the stream: b begins anew, e is held against what came since, others are counted. A
    // message that belongs to no commit is none of a transaction's events: not to be handed here.
    Status take(const Event& event);
    // The same for an e whose body has been read already.
    Status end(const Event& event, const EventBody& body) const;

    // Row-like events since the last b.
    std::int64_t events() const { return events_; }

  private:
    void count(const Event& event);
    std::int64_t received_of(std::string_view name) const;

    std::int64_t events_ = 0;
    // "schema.table" → events. Tables stay for the next transaction, which most often has the same.
    std::map<std::string, std::int64_t, std::less<>> tables_;
    std::vector<std::int64_t*> counted_;  // entries above 0
    std::string run_schema_, run_table_;  // of the last event, as the envelope has them
    std::int64_t* run_count_ = nullptr;   // its entry in tables_
};

}  // namespace cdc
