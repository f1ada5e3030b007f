// Lines into output messages: one event a message as a person looks at it, or (option batch_bytes) whole
// lines joined by newlines up to about that many bytes and never past the end of a transaction. One protocol
// message per row is half of what decoding costs.
//
// Ownership: the session's. Thread: the walsender or backend. Failure: what the output plugin API raises.
#pragma once

#include "session.h"

namespace cdc {

// Makes session->out ready for one line.
void line_begin(Session* session);
// Ends the line: sends the message where it is full, or where nothing is batched.
void line_end(Session* session);
// A change for which no message went out, be it skipped or waiting in the batch: on PostgreSQL 15 and before,
// the plugin itself keeps the client alive meanwhile.
void count_unsent(Session* session);
// Sends what has been batched.
void batch_flush(Session* session);

}  // namespace cdc
