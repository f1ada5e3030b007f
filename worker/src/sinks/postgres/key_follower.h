// The projection's primary key follows the key of its source table, where DDL at the source changes it: a key
// that was added after the rows (pgbench -i does it so), dropped, or moved to other columns.
//
// Without this, upserts would have nothing to conflict on, and rows without a key would conflict where they
// must not. Only a primary key is changed, never a unique index that somebody made; tombstones, which say how
// a row was known under the old key, are removed when a key comes anew, as they may repeat it. Inside the
// caller's transaction; waits. Owner: nobody. Thread: the sink's. Failure: as Session::run.
#pragma once

#include <string>
#include <vector>

#include "sinks/postgres/session.h"
#include "sinks/postgres/target_name.h"

namespace cdc::projection {

// key: the source's, by its definition; empty where it has none. quoted: the target's name as SQL.
Status follow_key(Session& session, const TargetName& target, const std::string& quoted,
                  const std::vector<std::string>& key);

}  // namespace cdc::projection
