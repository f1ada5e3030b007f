// Chunk: rows of one table that were read by its key under one snapshot, as envelopes (op r), with what
// places them in the stream. Owner: whoever holds it; movable. Thread: plain value.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/lsn.h"
#include "incremental/visibility.h"

namespace cdc::incremental {

struct Chunk {
    struct Row {
        std::size_t at = 0;  // of the envelope in bytes
        std::size_t size = 0;
        std::string key;  // its key's values as SQL texts, a JSON array of strings: ["123","a b"]
    };

    Visibility seen;
    // A position in the WAL after every commit that the snapshot sees: its rows belong behind the
    // transactions that commit before it. Also every envelope's commit_lsn.
    Lsn mark;
    std::string bytes;  // the envelopes, joined by '\n'
    std::vector<Row> rows;
    bool first = false;              // read from the table's start on
    std::vector<std::string> again;  // the keys that were to be read again in it

    void add(std::string key, std::string_view envelope) {
        if (!bytes.empty()) bytes += '\n';
        rows.push_back({bytes.size(), envelope.size(), std::move(key)});
        bytes += envelope;
    }
    std::string_view envelope(const Row& row) const {
        return std::string_view(bytes).substr(row.at, row.size);
    }
};

}  // namespace cdc::incremental
