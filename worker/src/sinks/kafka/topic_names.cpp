#include "sinks/kafka/topic_names.h"

#include <openssl/sha.h>

#include <array>

namespace cdc::kafka {
namespace {

bool plain(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '_' || byte == '-';
}

void append_hex(std::string& out, unsigned char byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[byte >> 4];
    out += digits[byte & 15];
}

std::string cut(std::string topic) {
    if (topic.size() <= longest_topic) return topic;
    constexpr std::string_view marker = "_xh";
    constexpr std::size_t hash_bytes = 16;
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
    SHA256(reinterpret_cast<const unsigned char*>(topic.data()), topic.size(), digest.data());
    topic.resize(longest_topic - marker.size() - 2 * hash_bytes);
    topic += marker;
    for (std::size_t i = 0; i < hash_bytes; ++i)
        append_hex(topic, digest[i]);
    return topic;
}

}  // namespace

std::string encode_topic_part(std::string_view name) {
    std::string out;
    out.reserve(name.size());
    for (std::size_t at = 0; at < name.size(); ++at) {
        const bool looks_like_escape = name[at] == '_' && at + 1 < name.size() && name[at + 1] == 'x';
        if (plain(name[at]) && !looks_like_escape) {
            out += name[at];
        } else {
            out += "_x";
            append_hex(out, static_cast<unsigned char>(name[at]));
        }
    }
    return out;
}

Status check_topic_prefix(std::string_view prefix) {
    const std::string hint = "set topic_prefix to letters, digits, '.', '_' and '-'";
    if (prefix.empty()) return Status::fatal("the topic prefix is empty", hint);
    if (prefix.size() > longest_topic_prefix) {
        return Status::fatal("the topic prefix has " + std::to_string(prefix.size()) +
                                 " bytes, the most that leaves room for the tables' names is " +
                                 std::to_string(longest_topic_prefix),
                             hint);
    }
    for (const char byte : prefix) {
        if (!plain(byte) && byte != '.') {
            return Status::fatal("the topic prefix \"" + std::string(prefix) +
                                     "\" has a character that Kafka does not allow in a topic",
                                 hint);
        }
    }
    return {};
}

std::string table_topic(std::string_view prefix, std::string_view schema, std::string_view table) {
    return cut(std::string(prefix) + "." + encode_topic_part(schema) + "." + encode_topic_part(table));
}

std::string schema_topic(std::string_view prefix) {
    return std::string(prefix) + "._schema";
}

std::string message_topic(std::string_view prefix) {
    return std::string(prefix) + "._messages";
}

std::string transaction_topic(std::string_view prefix) {
    return std::string(prefix) + "._transactions";
}

}  // namespace cdc::kafka
