// Dsn: a libpq connection string, read for what configuration and log need of it: which server it means, and
// what in it must not be shown. Own, because config does not link libpq; the grammar is that of
// conninfo_parse and conninfo_uri_parse_options in PostgreSQL's fe-connect.c. Connecting is libpq's alone.
// Thread: pure functions.
#pragma once

#include <string>
#include <vector>

namespace cdc::config {

struct DsnParameter {
    std::string keyword;    // as libpq calls it: "host", "dbname", …
    std::string value;      // unquoted, percent-decoded
    std::size_t begin = 0;  // where the value stands in the text, quotes included: [begin, end)
    std::size_t end = 0;
};

struct Dsn {
    bool valid = false;
    std::string error;  // where not valid: what is wrong; never quotes the text
    std::vector<DsnParameter> parameters;

    // The last value given (libpq's rule); empty where there is none.
    std::string get(const std::string& keyword) const;
};

// Both forms: "host=… dbname=…" and postgresql://….
Dsn parse_dsn(const std::string& text);

// The text with every secret (password, sslpassword, …) replaced by "***"; of a text that is not a connection
// string nothing is shown, as what is the secret in it can't be told.
std::string redact_dsn(const std::string& text);

// Whether keyword holds a secret in a connection string.
bool is_secret_keyword(const std::string& keyword);

// Two connection strings with the same text here mean the same server (slots are the cluster's, not the
// database's), as far as can be told without connecting.
std::string server_of(const Dsn& dsn);

}  // namespace cdc::config
