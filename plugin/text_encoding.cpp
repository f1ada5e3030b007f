#include "text_encoding.h"

#include <algorithm>
#include <type_traits>

namespace cdc {

static_assert(std::is_trivially_destructible_v<Utf8Piece>);

namespace {

// PostgreSQL's own conversion to UTF-8, whatever the search_path or a user's CREATE DEFAULT CONVERSION says;
// so the bytes depend on nothing but the data. InvalidOid where there is none (SQL_ASCII, MULE_INTERNAL).
Oid conversion_to_utf8() {
    static Oid procedure = InvalidOid;
    if (!OidIsValid(procedure) && IsTransactionState()) {
        procedure = FindDefaultConversion(PG_CATALOG_NAMESPACE, GetDatabaseEncoding(), PG_UTF8);
    }
    return procedure;
}

}  // namespace

size_t valid_utf8_prefix(const char* s, size_t len) {
    return static_cast<size_t>(valid_prefix(PG_UTF8, s, static_cast<int>(len)));
}

void convert_prefix(const char* s, size_t len, Utf8Piece* piece) {
    const int encoding = GetDatabaseEncoding();
    const int wanted = static_cast<int>(std::min<size_t>(len, Utf8Piece::kSourceBytes));
    piece->source_bytes = 0;
    piece->utf8_bytes = 0;
    if (encoding == PG_SQL_ASCII || encoding == PG_UTF8) {
        piece->source_bytes = static_cast<int>(valid_utf8_prefix(s, static_cast<size_t>(wanted)));
        piece->utf8_bytes = piece->source_bytes;
        memcpy(piece->utf8, s, static_cast<size_t>(piece->source_bytes));
        return;
    }
    const Oid procedure = conversion_to_utf8();
    if (!OidIsValid(procedure)) return;
    auto* source = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(s));
    auto* target = reinterpret_cast<unsigned char*>(piece->utf8);
    piece->utf8[0] = '\0';
    piece->source_bytes =
        convert_valid_prefix(procedure, encoding, source, wanted, target, sizeof(piece->utf8));
    piece->utf8_bytes = static_cast<int>(strlen(piece->utf8));
}

}  // namespace cdc
