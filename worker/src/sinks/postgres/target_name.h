// TargetName: which table of the target a source table is projected into, by the configured template
// ("{schema}.{table}", "mirror.{schema}_{table}"). Thread: plain value and a pure function.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc::projection {

struct TargetName {
    std::string schema;  // unquoted
    std::string table;   // the same

    std::string display() const { return schema + "." + table; }
};

// Names are the source's, unquoted; what they hold is never taken for a placeholder or for the dot. Fatal
// where the template is not <schema>.<table>, or a name would be longer than PostgreSQL's 63 bytes: the
// server would cut it without an error, and two tables could meet in one.
Result<TargetName> target_name(const std::string& name_template, std::string_view schema,
                               std::string_view table);

}  // namespace cdc::projection
