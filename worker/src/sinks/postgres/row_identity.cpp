#include "sinks/postgres/row_identity.h"

#include <openssl/sha.h>

#include <array>

namespace cdc::projection {
namespace {

std::string encoded(std::string_view name) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string text;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter || c == '-' || c == '.' || c == '_' || c == '~') {
            text += c;
        } else {
            text += {'%', digits[byte >> 4], digits[byte & 0xF]};
        }
    }
    return text;
}

}  // namespace

std::string table_source_id(std::string_view cluster, std::string_view database, std::string_view schema,
                            std::string_view table) {
    return "pg://" + encoded(cluster) + "/" + encoded(database) + "/" + encoded(schema) + "." +
           encoded(table);
}

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

std::string_view source_table(std::string_view source_id) {
    for (int slashes = 0; slashes < 4; ++slashes) {
        const std::size_t slash = source_id.find('/');
        if (slash == std::string_view::npos) return {};
        source_id.remove_prefix(slash + 1);
    }
    return source_id.substr(0, source_id.find('/'));
}

}  // namespace cdc::projection
