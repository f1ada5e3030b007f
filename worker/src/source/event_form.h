// The form of a pipeline's events: what decides their bytes beside the WAL itself, as a line of text. It is
// stored with every position, so that a start under which the same change would have other bytes is noticed:
// a reader that tells events apart by their bytes, and a projection of a table without a key, rely on them.
//
// What decides only which events there are (tables, publications, messages, origin) is one word of it, and
// matters only to a sink that has a part of a transaction: it goes on by the event's place in it (seq), and
// that place would be another's. Not in it: source_commit, which is meant to differ from one release of the
// source to the next.
//
// Owner: nobody. Thread: pure functions, but for the one that asks the server. Failure: as
// pq::Connection::query.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "pq/connection.h"
#include "source/start_position.h"

namespace cdc::source {

// What the server adds to it.
struct ServerForm {
    std::string extension;  // its version; empty where there is none
    std::string cluster;    // the server's name in source_id where the configuration gives none
};
Result<ServerForm> server_form(pq::Connection& sql);

// "extension=1.0 cluster=shop evidence=hash …": the same text where the bytes are the same.
std::string event_form(const config::Source& source, const ServerForm& server);

enum class Choice { counts, does_not };  // whether which events there are matters

// The words in which two of them differ, "int8=number instead of int8=string, …": first now, then before.
std::string form_difference(const std::string& now, const std::string& before, Choice choice);

// Fatal, or a warning where that is accepted, where a sink has events of another form.
Status check_form(const std::string& form, config::OnFormChange on_change,
                  const std::vector<SinkPosition>& positions);

}  // namespace cdc::source
