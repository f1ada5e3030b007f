#include "batch.h"

#include "encode_routine.h"
#include "json_writer.h"

namespace cdc {

static_assert(kMaxBatchBytes + kLongestText + kSmallText <= static_cast<int64>(MaxAllocSize));

namespace {

// How many changes may pass without a message before the client is told that we are alive (pgoutput's
// number).
constexpr int kChangesPerProgress = 100;

// Bytes of the output buffer that are kept from message to message; a rare huge line's are given back.
constexpr int kKeptBuffer = 4 * kMaxBatchBytes;

void shrink_buffer(LogicalDecodingContext* decoding) {
    if (decoding->out->maxlen <= kKeptBuffer) return;
    pfree(decoding->out->data);
    MemoryContext caller = MemoryContextSwitchTo(decoding->context);
    initStringInfo(decoding->out);
    MemoryContextSwitchTo(caller);
}

}  // namespace

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
    if (session->out->len >= session->options->batch_bytes) {
        batch_flush(session);
    } else {
        count_unsent(session);
    }
}

void count_unsent(Session* session) {
    if (++session->unsent < kChangesPerProgress) return;
    session->unsent = 0;
    update_progress(session->decoding, false);
}

void batch_flush(Session* session) {
    if (!session->batch_open) return;
    session->batch_open = false;
    session->unsent = 0;
    OutputPluginWrite(session->decoding, true);
    shrink_buffer(session->decoding);
}

}  // namespace cdc
