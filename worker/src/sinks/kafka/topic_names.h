// Topic names: which topic an event goes to, as text.
//
//   rows, t   <prefix>.<schema>.<table>
//   s         <prefix>._schema
//   m         <prefix>._messages
//   b, e      <prefix>._transactions   (only with transaction_topic)
//
// Kafka allows [a-zA-Z0-9._-] and 249 bytes (org.apache.kafka.common.internals.Topic); PostgreSQL allows
// almost anything. So in schema and table every byte outside [A-Za-z0-9_-] becomes `_x` and two lower-case
// hex digits, the dot too, and `_x` itself becomes `_x5fx`: an `_x` in the result is always an escape, hence
// no two names give the same text. A topic over 249 bytes is cut and ends in `_xh` and 32 hex digits of the
// SHA-256 of its full text; `_xh` is no escape, so a cut name never equals one that was not cut.
//
// Not solved here, because any answer would spoil the common names: brokers in KRaft mode refuse two topics
// that differ only in '.' against '_' (their metrics' names would collide), as of tables a.b_c and a_b.c
// under one prefix. The broker's refusal is reported by its text. Thread: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc::kafka {

constexpr std::size_t longest_topic = 249;         // bytes
constexpr std::size_t longest_topic_prefix = 150;  // bytes; leaves room for a readable part of the table

// One name (unquoted, UTF-8) as a part of a topic.
std::string encode_topic_part(std::string_view name);

// Fatal where the prefix is empty, too long or has other bytes than Kafka's.
Status check_topic_prefix(std::string_view prefix);

// The whole topic, cut if need be. prefix has passed check_topic_prefix.
std::string table_topic(std::string_view prefix, std::string_view schema, std::string_view table);
std::string schema_topic(std::string_view prefix);
std::string message_topic(std::string_view prefix);
std::string transaction_topic(std::string_view prefix);

}  // namespace cdc::kafka
