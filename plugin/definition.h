// A table's definition as the envelope shows it (docs/envelope.md, "schema_version"), and its fingerprint:
// SHA-256 over the definition's canonical text, which has no OIDs and no attribute numbers, so that dump and
// restore keep it. The event triggers and decoding both come here, so the two can't disagree.
//
// Ownership: results are in CurrentMemoryContext. Failure: catalogue lookups may raise.
#pragma once

#include "digest.h"
#include "postgres_api.h"

namespace cdc {

// "sha256:" and the digest.
constexpr int kFingerprintLength = 7 + kSha256HexLength;

struct TableDefinition {
    char* json;
    char fingerprint[kFingerprintLength + 1];
};

TableDefinition table_definition(Relation relation);

// Whether a definition's JSON has a column of that name.
bool definition_has_column(const char* json, const char* column);

// A definition's JSON with these of its columns (char*) alone, and with its key where that has no others:
// rows of the table then have no key either. The fingerprint stays that of the whole.
char* definition_of_columns(const char* json, const List* columns);

// Column numbers (attnum) of the table's key, in its order: the replica identity's index, or else the primary
// key; NIL where there is none.
List* table_key_columns(Relation relation);

// Column numbers of the replica identity's index, whose values an old image has; NIL where there is none, and
// under REPLICA IDENTITY FULL.
List* table_identity_columns(Relation relation);

// A column that has a value in the WAL.
bool is_live_column(const FormData_pg_attribute& column);

}  // namespace cdc
