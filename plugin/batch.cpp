#include "batch.h"

#include "json_writer.h"

namespace cdc {

void line_begin(Session* session) {
    session->out = session->decoding->out;
    if (session->batch_open) {
        append_raw(session->out, "\n");
        return;
    }
    OutputPluginPrepareWrite(session->decoding, true);
    session->batch_open = true;
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
