// CopyBinaryReader: the one text column of a COPY … TO STDOUT (FORMAT binary), row by row, out of the
// CopyData messages in which it comes (PostgreSQL docs, COPY, "Binary Format"). Binary, because text format
// would escape every backslash of the JSON. Pure: no connection, no clock. Owner: SnapshotReader. Thread: one
// at a time. Failure: Status::fatal where the bytes are not that format.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc::source {

class CopyBinaryReader {
  public:
    // Hands over the next message. It must stay alive until next() has returned nothing.
    void feed(std::string_view message);

    // The next row's value, a view that is good until the next call of feed or next; nothing where more
    // bytes are needed (or the trailer has been read).
    Result<std::optional<std::string_view>> next();

    // After the COPY's end: ok where the trailer has been read and nothing follows it.
    Status finish() const;

  private:
    Result<bool> read_header();
    void keep_rest();

    std::string_view unread_;
    std::string kept_;  // the beginning of a row whose end is in the next message
    bool header_read_ = false;
    bool trailer_read_ = false;
};

}  // namespace cdc::source
