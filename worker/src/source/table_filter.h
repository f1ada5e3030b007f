// TableFilter: include_tables and exclude_tables, with the plugin's semantics, for the places where the
// worker has to know itself what a pipeline captures (the snapshot's list of tables, a sink that writes into
// the source database). Owner: nobody. Thread: plain value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace cdc::source {

class TableFilter {
  public:
    explicit TableFilter(const config::Source& source)
        : include_(source.include_tables), exclude_(source.exclude_tables) {}

    // Whether the patterns let schema.table (unquoted) through. The catalogues and the extension's own schema
    // never pass.
    bool captures(std::string_view schema, std::string_view table) const;

  private:
    std::vector<std::string> include_;
    std::vector<std::string> exclude_;
};

}  // namespace cdc::source
