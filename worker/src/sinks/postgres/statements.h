// The SQL of each Action, as text with parameters. Values reach the server as parameters only; identifiers
// and types come quoted from a ProjectionTable.
//
// Parameters, in order ("origin" is evidence_id, commit_lsn, schema_version, ts_source; "rows" as row_set.h
// has them: an array a column, and _source_id, _seq, _origin, or one JSON array):
//   upsert, tombstone, append    evidence_id, schema_version, [commit_lsn …], [ts_source …], rows
//   remove                       rows, of the key's columns alone
//   load                         none: rows are the COPY's lines (copy_rows.h)
// One row, as a JSON array:
//   clear_key                    [new key]
//   move_key                     [old key], [new key]
//   replace_one, tombstone_one   old source_id, [old image], origin, [row]
//   remove_one                   old source_id, [old image]
//   tombstone_all                source table (row_identity.h), origin, seq
//   remove_all                   source table
// The *_one statements divide by the number of rows that they changed: an SQL error (22012) where it is none,
// as nobody is there to count when statements are pipelined. Thread: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sinks/postgres/batch.h"
#include "sinks/postgres/projection_table.h"

namespace cdc::projection {

// The columns that the rows of a set (upsert, tombstone, append, remove) have.
std::vector<std::size_t> columns_of(const ProjectionTable& table, Action action,
                                    const std::vector<std::size_t>& omitted);

std::string statement_sql(const ProjectionTable& table, Action action,
                          const std::vector<std::size_t>& omitted);

// The condition that a row is of the source table $1 (row_identity.h), under whatever name of the cluster it
// was written: a pipeline's `cluster` may have been another once.
std::string of_source_table(const std::string& alias);

// CREATE TABLE of a projection and, without a key, the index that finds a row by its old image.
std::string create_table_sql(const ProjectionTable& table, bool with_key = true);

}  // namespace cdc::projection
