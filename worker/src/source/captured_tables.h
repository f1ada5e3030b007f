// Which tables a pipeline captures, asked of the source's catalogue: ordinary tables and leaf partitions
// that the patterns, the publications and the slot's policy let through, in order of schema and name. The
// extension itself says so (cdc_envelope.captures); without it, in the preflight, there is no policy either.
// Temporary tables are never captured; unlogged ones are not in the WAL, so they are listed apart. Owner: the
// caller. Thread: one at a time (the connection's). Failure: as pq::Connection::query; fatal where a
// publication does not exist.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/config.h"
#include "pq/connection.h"

namespace cdc::source {

struct CapturedTable {
    std::string schema;  // unquoted
    std::string table;
    std::int64_t estimated_rows = 0;   // pg_class.reltuples; 0 where never analysed
    std::int64_t estimated_pages = 0;  // pg_class.relpages
    std::uint32_t oid = 0;
    bool unlogged = false;
    bool under_root = false;      // a partition whose rows come under its root's name
    bool readable = true;         // we may SELECT it (the whole table: LOCK TABLE knows no columns)
    bool row_security = false;    // a policy would hide rows from us
    char replica_identity = 'd';  // pg_class.relreplident: d, n, f, i
    bool has_key = true;          // a usable key under that replica identity
    std::string row_filter;       // the publications' condition on its rows, as SQL; empty: all
    std::string where;            // the configured one, for snapshots alone
};

Result<std::vector<CapturedTable>> captured_tables(pq::Connection& sql, const config::Source& source);

// "schema"."table" as SQL; schema.table as people write it.
Result<std::string> quoted_name(const pq::Connection& sql, const std::string& schema,
                                const std::string& table);
inline std::string display_name(const CapturedTable& table) {
    return table.schema + "." + table.table;
}

}  // namespace cdc::source
