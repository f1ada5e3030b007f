// What the plugin's pure parts need of a server, in a process of its own: memory, errors, lists and the
// database's encoding. The rest (StringInfo, UTF-8, the JSON grammar) is PostgreSQL's own libpgcommon.
//
// Ownership: what is allocated during a run is freed by the next begin_run(), as a memory context's reset
// frees it; each allocation is one of malloc's, so that AddressSanitizer knows its bounds. Thread: the
// fuzzer's only one. Failure: ereport(ERROR) leaves raises() as its answer; anywhere else it ends the
// process.
#pragma once

#include <string>

#include "postgres_api.h"

namespace fuzz {

// Starts a run in a database of this encoding (a pg_enc): UTF8, SQL_ASCII or LATIN1.
void begin_run(int encoding);

// Whether the call ended in an ereport(ERROR), whose frames a longjmp skipped: it may hold no destructors.
// Where it did, last_error() is its message in short: the format with its texts in it.
bool raises(void (*call)(void*), void* argument);
const std::string& last_error();

template <typename Call>
bool raises(Call call) {
    return raises([](void* argument) { (*static_cast<Call*>(argument))(); }, &call);
}

// Ends the process, for the fuzzer to keep the input, unless an oracle holds.
void expect(bool holds, const char* oracle);

}  // namespace fuzz
