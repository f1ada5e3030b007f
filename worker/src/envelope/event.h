// Event: the head of one envelope, as far as routing needs it, as views into the envelope's own bytes.
//
// The reader (event_reader.h) stops after `key`, so its cost does not depend on the width of the row; the
// images stay unparsed and the line is handed on as it came. A sink that needs columns calls read_body
// (event_body.h). Owner: the views point into the Slice that holds the event and live as long as it does.
// Thread: plain value.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/lsn.h"

namespace cdc {

// op_type of the envelope, by its own letter (docs/envelope.md).
enum class Op : char {
    insert = 'c',
    update = 'u',
    remove = 'd',
    read = 'r',
    truncate = 't',
    schema = 's',
    message = 'm',
    begin = 'b',
    end = 'e',
};

struct Event {
    std::string_view line;           // the whole envelope, without a newline
    std::string_view source_id;      // JSON string content; percent-encoded, so without escapes
    std::string_view old_source_id;  // empty unless an update changed the key
    std::string_view ts_source;      // "2026-02-07T05:55:21.123456Z"; empty where null
    std::string_view schema;         // JSON string content, escapes kept; empty where null
    std::string_view table;          // the same
    std::string_view partition;      // the same; empty unless the envelope has the field
    std::string_view key;            // the raw JSON object; empty where null
    Lsn commit_lsn;
    std::int64_t seq = -1;  // -1 where null (r, b, e)
    std::uint32_t xid = 0;  // 0 where null
    std::int32_t schema_version = 0;
    Op op = Op::insert;

    bool is_row() const { return op == Op::insert || op == Op::update || op == Op::remove || op == Op::read; }
};

}  // namespace cdc
