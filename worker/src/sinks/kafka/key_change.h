// KeyChange: what Kafka needs of an update that changed its row's key (docs/envelope.md, old_source_id):
// a delete under the old key, derived from the update's own bytes, before the update goes under the new one.
//
// The derived delete is an envelope of its own: op_type d, the old source_id and key, before as it was, after
// null, everything else (commit_lsn, seq, xid, ts_source, evidence_id, …) the update's, fields in the
// contract's order. What speaks of `after` only (unchanged, entries of oversize and json_null) is left out.
//
// A source_id also changes where there is no key: every update of a table without one (REPLICA IDENTITY FULL,
// ROW:<hash>). Nothing was ever written under an old key then, so there is nothing to delete.
// Thread: pure functions. Cost: reads the whole line; only ever called for a changed source_id.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "envelope/event.h"

namespace cdc::kafka {

struct KeyChange {
    std::string old_key;   // raw JSON object: the key columns of `before`, in the order of `key`
    std::string deletion;  // the derived envelope
};

// event is an update with old_source_id. Nothing where the old row had no key: the event has none, or a key
// column of the old row is NULL or was oversize. Fatal where the line is malformed or `before` lacks a key
// column; the message names the event, never a value.
Result<std::optional<KeyChange>> split_key_change(const Event& event);

}  // namespace cdc::kafka
