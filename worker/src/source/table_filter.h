// TableFilter: include_tables and exclude_tables, with the plugin's semantics, for the places where the
// worker has to know itself what a pipeline captures (the snapshot's list of tables, a sink that writes into
// the source database). The syntax is that of plugin/options.cpp. A text that is no pattern matches nothing
// (the plugin refuses it at start). Owner: nobody. Thread: plain value.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace cdc::source {

struct TableName {
    std::string schema, table;  // unquoted
};

class TableFilter {
  public:
    explicit TableFilter(const config::Source& source);

    // Whether the patterns let schema.table (unquoted) through. The catalogues and the extension's own schema
    // never pass.
    bool captures(const std::string& schema, const std::string& table) const;
    // The same for a partition: names are its own first, then those of the tables that it is a partition of;
    // a pattern that matches any of them means it too.
    bool captures(const std::vector<TableName>& names) const;

  private:
    struct Pattern {
        std::string schema, table;  // '*' stands for any run of characters of that part
    };
    // Reads "schema.table": a dot inside double quotes is part of a name, "" inside them is a quote.
    static std::vector<Pattern> parse(const std::vector<std::string>& texts);
    static bool any_matches(const std::vector<Pattern>& patterns, const std::vector<TableName>& names);

    std::vector<Pattern> include_;
    std::vector<Pattern> exclude_;
};

}  // namespace cdc::source
