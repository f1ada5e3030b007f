// Rules: what a single value means and may be, beyond its type: names, patterns, templates, connection
// strings. Each returns what is wrong with the text, with the way out; nothing where all is well. The message
// does not quote the text (the caller quotes what stands in the file). Thread: pure functions.
#pragma once

#include <optional>
#include <string>

namespace cdc::config {

struct Complaint {
    std::string message;  // "is not …": follows the quoted text
    std::string hint;
};

using Verdict = std::optional<Complaint>;

// Letters, digits, '.', '_' and '-', at most 63.
Verdict check_name(const std::string& text);
// ReplicationSlotValidateName in PostgreSQL's slot.c.
Verdict check_slot_name(const std::string& text);
// schema.table with '*', as one item of the plugin's include_tables.
Verdict check_table_pattern(const std::string& text);
// schema.table.column:redact|hash, as one item of the plugin's mask.
Verdict check_mask(const std::string& text);
// One item of the plugin's comma-separated publication_names.
Verdict check_publication(const std::string& text);
// <schema>.<table> with {schema} and {table}; without {table} all tables would be one.
Verdict check_table_template(const std::string& text);
// An SQL identifier, unquoted: 1 to 63 bytes (NAMEDATALEN - 1).
Verdict check_identifier(const std::string& text);
// host[:port],…
Verdict check_brokers(const std::string& text);
// address:port (listen_address.h).
Verdict check_listen_address(const std::string& text);
// A user's name for HTTP's basic authentication.
Verdict check_username(const std::string& text);
// A connection string of libpq, by its form alone.
Verdict check_dsn(const std::string& text);

}  // namespace cdc::config
