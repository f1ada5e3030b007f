// Visibility: which transactions a snapshot of the source sees, by the text form of pg_snapshot
// ("xmin:xmax:xip", PostgreSQL docs, "Transaction ID and Snapshot Information Functions").
//
// The snapshot's ids have 64 bits and are those of top-level transactions; an envelope's xid has 32 and is
// the top-level one too. A 32-bit id is taken as the one nearest to the snapshot: all that decoding and
// snapshot can both speak of lie within 2^31 of each other. Thread: a plain value. Failure: fatal where the
// text is not a pg_snapshot.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace cdc::incremental {

class Visibility {
  public:
    Visibility() = default;  // sees nothing
    static Result<Visibility> parse(std::string_view text);

    // Whether the snapshot sees what the transaction, which is known to have committed, has done. One that
    // has its commit record in the WAL but is still among the running ones (it waits for a synchronous
    // standby, or has just not come to taking itself off) is not seen.
    bool sees(std::uint32_t xid) const;
    // Whether it sees every transaction with an id before this one.
    bool sees_all_before(std::uint32_t xid) const;

  private:
    std::uint64_t xmin_ = 0;              // all before it have ended
    std::uint64_t xmax_ = 0;              // none from it on has
    std::vector<std::uint64_t> running_;  // between the two, in order
};

}  // namespace cdc::incremental
