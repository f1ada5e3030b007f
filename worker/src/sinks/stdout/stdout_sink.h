// StdoutSink: every event as one line on standard output, in commit order, for an eye, jq or a file.
//
// It writes the envelopes of rows, truncations, schema changes and messages as they came; the transactions'
// begin and end (op_type b and e), which the worker asks for to prove that a transaction came whole, are left
// out: commit_lsn and xid tell which lines belong together.
// Guarantee: at least once, and durable means write(2) has taken the bytes: a pipe can't promise more, and a
// reader that dies loses what it had not read. Idempotence key: (commit_lsn, seq), as everywhere.
// Owner: the pipeline. Thread: its runner's only. Nothing is held back: write returns when the whole slice is
// written, so a reader that stops reading holds this sink, and with it, at the memory limit, the pipeline.
// Failure: fatal where the reader is gone (EPIPE) or the file can't be written; SIGPIPE is ignored for the
// process by open.
#pragma once

#include <unistd.h>

#include "envelope/transaction_count.h"
#include "sinks/sink.h"

namespace cdc {

class StdoutSink final : public Sink {
  public:
    // fd is not owned.
    explicit StdoutSink(int fd = STDOUT_FILENO) : fd_(fd) {}

    std::string name() const override { return "stdout"; }
    Status open(const SinkContext& context) override;
    bool keeps_position() const override { return false; }
    Result<std::optional<StoredPosition>> stored_position() override {
        return std::optional<StoredPosition>{};
    }
    Status begin_snapshot(Lsn) override { return {}; }
    Status end_snapshot(Lsn) override { return {}; }
    Status begin_streaming(Lsn start_lsn) override { return advance(start_lsn); }
    Status write(const SlicePtr& slice) override;
    Status advance(Lsn lsn) override;
    Status poll() override { return {}; }
    Lsn durable_lsn() const override { return durable_; }
    std::uint64_t durable_progress() const override { return progress_; }
    Status flush(std::chrono::milliseconds) override { return {}; }
    void close() override {}

  private:
    const int fd_;
    Lsn durable_;
    std::uint64_t progress_ = 0;
    TransactionCount count_;
};

}  // namespace cdc
