// From the configuration to the plugin's options (docs/envelope.md, "Options"): as START_REPLICATION takes
// them and as encode() takes them, from one list, so that a snapshot row and a streamed row are made under
// the same options. Owner: nobody. Thread: pure functions.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "source/replication_stream.h"

namespace cdc::source {

// For the stream: transactions=on always (the e event proves that a transaction came whole), projection,
// source_commit and batch_bytes always, the rest where it differs from the plugin's default.
PluginOptions stream_options(const config::Source& source);

// For encode(), captures() and row_filter(): "name=value" of those that shape a row, and the slot, whose
// policy holds in a snapshot too.
std::vector<std::string> encode_options(const config::Source& source);

// For captures() and row_filter(): those that choose tables and rows.
std::vector<std::string> capture_options(const config::Source& source);

}  // namespace cdc::source
