// RunProgress: how far a run, the reading of one table beside the stream, has come: what a sink stores with
// its position, in the same transaction as the rows that it tells of. One line of JSON. Thread: plain value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace cdc::incremental {

struct RunProgress {
    std::int64_t signal = 0;         // cdc_envelope.snapshot_signal.id
    std::string run;                 // random, 32 hex digits: this attempt at it
    std::string form;                // of the table and key that `after` and `again` are of (KeyTable::form)
    std::int64_t chunks = 0;         // delivered so far
    std::int64_t rows = 0;           // in them
    std::string after;               // the last key that was read (Chunk::Row::key); empty: none yet
    std::vector<std::string> again;  // keys to read again
    bool from_start = false;         // there were too many of them: the table is to be read from its start
    bool done = false;

    bool operator==(const RunProgress&) const = default;
};

std::string to_json(const RunProgress& progress);
// Fatal where it is not what to_json writes.
Result<RunProgress> read_progress(std::string_view json);

// The strings of a JSON array of strings, as a key has them.
Result<std::vector<std::string>> read_texts(std::string_view json);

}  // namespace cdc::incremental
