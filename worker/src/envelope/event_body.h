// The rest of an envelope, for the sinks that need columns: images as raw JSON, the lists of names, the
// fields of the other ops. Thread: pure functions; the views live as long as the event's line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/lsn.h"
#include "base/status.h"
#include "envelope/event.h"

namespace cdc {

struct EventBody {
    std::string_view before;             // raw JSON object; empty where null
    std::string_view after;              // the same
    std::vector<std::string> unchanged;  // column names, unescaped
    std::vector<std::string> oversize;  // "before.col", "after.col" or column names, as the envelope has them
    std::vector<std::string> json_null;  // "after.doc"
    std::string_view own;                // raw value of truncate, ddl or message; empty where the op has none
    std::string_view evidence_id;        // JSON string content
    Lsn end_lsn;                         // e only
    std::int64_t events = -1;            // e only: how many row-like events the transaction has
    std::string_view tables;             // e only: raw JSON object, "schema.table" → events (MemberReader)
};

// Reads everything after the head. Fatal where the line is not an envelope.
Result<EventBody> read_body(const Event& event);

// The members of a raw JSON object in their order: unescaped name, raw value. Fatal where it is not an
// object.
Result<std::vector<std::pair<std::string, std::string_view>>> read_members(std::string_view object);

}  // namespace cdc
