// One row as the envelope shows it: its image, its key, its source_id.
//
// Ownership: texts go to the StringInfo given; marks are collected in the RowMarks of the event. Thread: the
// backend or walsender; CurrentMemoryContext is the row's and is reset by the caller. Failure: none for what
// the data is.
#pragma once

#include "relation_cache.h"

namespace cdc {

// What can't be seen in the images, by the names of the columns (docs/envelope.md, fields 12 to 14).
struct RowMarks {
    List* unchanged;  // of const Column*
    List* oversize;   // of const Column*
    List* json_null;  // of char*: after.doc
};

// A row taken apart into the entry's arrays.
struct RowImage {
    const RelationEntry* entry;
    const Datum* values;
    const bool* nulls;
    bool identity_only;   // only the identity's columns are in it
    const char* name;     // before or after
    const RowImage* old;  // where an unchanged TOAST value may be found; null where there is none
};

// Takes tuple apart into the entry's arrays of that side.
RowImage row_image(RelationEntry* entry, HeapTuple tuple, int side, const RowImage* old);

// Most columns of an updated row are what they were, so their text need not be made twice.
enum class MemberTexts : uint8 {
    ignore,
    note,  // remembers where the old image's members stand in out
    take,  // copies those that are the same; the old image has just been appended to out, and noted
};

void append_image(const Session& session, StringInfo out, const RowImage& image, MemberTexts texts,
                  RowMarks* marks);

// The key as an object. False where the table has none or the image lacks it; out is then as it was.
bool append_key(StringInfo out, const RowImage& image);

// What stands in source_id after the table: /PK:… or /ROW:…
void append_row_id(const Session& session, StringInfo out, const RowImage& image);

// Whether the image holds every column of the table's key.
bool has_key(const RowImage& image);

// Whether two images of a row have the same key, byte for byte; a false may be wrong.
bool have_same_key(const RowImage& one, const RowImage& other);

}  // namespace cdc
