// How far a first snapshot is: what each sink stores with its position while the tables are read at the
// slot's point, and what is made of it for a run that goes on where a crash left it (docs/snapshots.md, "What
// need not be read again").
//
// Bounded: as tables are opened in the order of their requests, and no more of them are read at a time than
// there are readers, the finished ones are a few ranges of ids, and each unfinished one a few ranges of
// pages. Thread: plain values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/lsn.h"
#include "base/status.h"
#include "incremental/ranges.h"

namespace cdc::incremental {

// Of one table: the rows in these pages of this file whose version is older than every transaction that the
// snapshot might not have seen.
struct DeliveredPages {
    std::uint64_t xmin = 0;     // the snapshot's: all transactions before it had ended (64 bits)
    std::int64_t filenode = 0;  // pg_relation_filenode when they were read
    Ranges pages;
    bool operator==(const DeliveredPages&) const = default;
};

// As cdc_envelope.snapshot_signal.delivered has it.
std::string to_json(const DeliveredPages& delivered);
Result<DeliveredPages> read_delivered(std::string_view json);

// A condition on the table "row" that holds for the rows that were delivered.
std::string delivered_condition(const DeliveredPages& delivered);
// Whether that condition says what it should: `filenode` is the table's now, and next_xid (64 bits) the first
// that is not assigned yet. A 32-bit xid is only told from one that is 2^31 older while xmin is nearer.
bool still_told_apart(const DeliveredPages& delivered, std::int64_t filenode, std::uint64_t next_xid);

struct FirstSnapshotProgress {
    struct Table {
        std::int64_t filenode = 0;
        Ranges pages;  // delivered
        bool operator==(const Table&) const = default;
    };
    Lsn point;                             // the slot's, at which the tables are read
    std::uint64_t xmin = 0;                // as above
    std::int64_t before = 0;               // how many tables were delivered before those with a request
    Ranges done;                           // ids of the requests whose tables are delivered whole
    std::map<std::int64_t, Table> tables;  // by the id of the request: those delivered in part
    bool operator==(const FirstSnapshotProgress&) const = default;
    bool nothing() const { return before == 0 && done.empty() && tables.empty(); }
};

// One line of JSON.
std::string to_json(const FirstSnapshotProgress& progress);
// Fatal where it is not what to_json writes; also where it is a run's (run_progress.h).
Result<FirstSnapshotProgress> read_first_snapshot(std::string_view json);
// What both sinks have of one snapshot (point and xmin are the same).
FirstSnapshotProgress common(const FirstSnapshotProgress& a, const FirstSnapshotProgress& b);

}  // namespace cdc::incremental
