#include "batch.h"

#include "encode_routine.h"
#include "json_writer.h"

namespace cdc {

static_assert(kMaxBatchBytes + kLongestText + kSmallText <= static_cast<int64>(MaxAllocSize));

void line_begin(Session* session) {
    session->out = session->decoding->out;
    if (session->batch_open) {
        append_raw(session->out, "\n");
    } else {
        OutputPluginPrepareWrite(session->decoding, true);
        session->batch_open = true;
    }
    session->out->cursor = session->out->len;  // the room of a line is counted from here (json_writer.h)
}

void line_end(Session* session) {
    if (session->out->len >= session->options->batch_bytes) batch_flush(session);
}

void batch_flush(Session* session) {
    if (!session->batch_open) return;
    session->batch_open = false;
    OutputPluginWrite(session->decoding, true);
}

}  // namespace cdc
