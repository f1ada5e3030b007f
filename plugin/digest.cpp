#include "digest.h"

namespace cdc {

void sha256_hex(const void* bytes, size_t len, char* hex) {
    auto* input = static_cast<bytea*>(palloc(len + VARHDRSZ));
    SET_VARSIZE(input, len + VARHDRSZ);
    memcpy(VARDATA(input), bytes, len);
    bytea* const digest = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, PointerGetDatum(input)));
    const uint64 written = hex_encode(VARDATA_ANY(digest), VARSIZE_ANY_EXHDR(digest), hex);
    hex[written] = '\0';
    pfree(digest);
    pfree(input);
}

}  // namespace cdc
