// The text of an interval: ISO 8601, as PostgreSQL's IntervalStyle iso_8601 has it since 15, on every major.
// Written here, since 14 and older refuse an interval of more than 2^31 hours (timestamp.c, interval2tm):
// their own output function fails on a value that is in the table, and a slot must not stop over it.
//
// Thread: any backend. Failure: none. Memory: the caller's.
#pragma once

#include "postgres_api.h"

namespace cdc {

constexpr int kLongestInterval = 128;  // bytes, the closing zero byte among them

// Writes "P1Y2M3DT4H5M6.5S", "PT0S", "infinity" or "-infinity", and returns its length in bytes. Each field
// has the sign that it has (datetime.c, EncodeInterval).
int interval_text(const Interval& interval, char* text);

}  // namespace cdc
