// SHA-256 as lower-case hex, through the server's own implementation.
#pragma once

#include "postgres_api.h"

namespace cdc {

constexpr int kSha256HexLength = 64;

// hex: room for kSha256HexLength + 1 bytes; ends in NUL.
void sha256_hex(const void* bytes, size_t len, char* hex);

}  // namespace cdc
