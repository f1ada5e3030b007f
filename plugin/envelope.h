// The envelopes: fields in the contract's order (docs/envelope.md), each event one line. Everything that
// could skip a change has been decided by the caller.
//
// Ownership: lines are appended to session->out between line_begin and line_end (batch.h). Thread: the
// backend or walsender. Failure: none for what the data is.
#pragma once

#include "publications.h"
#include "row_json.h"
#include "schema_version.h"

namespace cdc {

// before and after may be null, not both, except for a delete without an old image.
void append_row_event(const Session& session, const RelationEntry& entry, RowChange change,
                      const RowImage* before, const RowImage* after);
void append_truncate_event(const Session& session, const RelationEntry& entry, bool cascade,
                           bool restart_identity);
void append_schema_event(const Session& session, const SchemaChange& change);
// stamp: the transaction's; null for a non-transactional message, which belongs to no commit.
void append_message_event(const Session& session, bool transactional, XLogRecPtr lsn, const char* prefix,
                          Size size, const char* content);
void append_begin_event(const Session& session);
void append_end_event(const Session& session, XLogRecPtr end_lsn);

// What encode() is told of a row, r or another row op, and its text. Most calls say what the one before did.
struct EncodedStamp {
    char op;
    TimestampTz ts_source;
    XLogRecPtr commit_lsn;
    Segment
        text;  // op","ts_source":…,"commit_lsn":…,"xid":null,"seq":null; in the context of encoded_stamp_make
};

void encoded_stamp_make(const Session& session, EncodedStamp* stamp, char op, TimestampTz ts_source,
                        XLogRecPtr commit_lsn);
void append_encoded_row(const Session& session, const RelationEntry& entry, const EncodedStamp& stamp,
                        const RowImage& image, StringInfo out);

}  // namespace cdc
