#include "sinks/postgres/row_identity.h"

#include <openssl/sha.h>

#include <array>

namespace cdc::projection {

std::string row_identity(std::string_view source_id, std::string_view image) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
    SHA256(reinterpret_cast<const unsigned char*>(image.data()), image.size(), digest.data());
    constexpr std::string_view digits = "0123456789abcdef";
    std::string id(source_id.substr(0, source_id.rfind('/')));
    id += "/ROW:";
    for (const unsigned char byte : digest) {
        id += digits[byte >> 4];
        id += digits[byte & 0xF];
    }
    return id;
}

}  // namespace cdc::projection
