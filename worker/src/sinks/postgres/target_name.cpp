#include "sinks/postgres/target_name.h"

#include <cstddef>

namespace cdc::projection {
namespace {

constexpr std::size_t max_identifier_bytes = 63;  // NAMEDATALEN - 1

std::string substituted(std::string_view part, std::string_view schema, std::string_view table) {
    constexpr std::string_view schema_mark = "{schema}";
    constexpr std::string_view table_mark = "{table}";
    std::string out;
    while (!part.empty()) {
        if (part.starts_with(schema_mark)) {
            out += schema;
            part.remove_prefix(schema_mark.size());
        } else if (part.starts_with(table_mark)) {
            out += table;
            part.remove_prefix(table_mark.size());
        } else {
            out += part.front();
            part.remove_prefix(1);
        }
    }
    return out;
}

}  // namespace

Result<TargetName> target_name(const std::string& name_template, std::string_view schema,
                               std::string_view table) {
    const std::size_t dot = name_template.find('.');
    if (dot == std::string::npos || name_template.find('.', dot + 1) != std::string::npos || dot == 0 ||
        dot + 1 == name_template.size()) {
        return Status::fatal("the table template \"" + name_template + "\" is not <schema>.<table>",
                             "write it like {schema}.{table} or mirror.{schema}_{table}");
    }
    TargetName name{substituted(std::string_view(name_template).substr(0, dot), schema, table),
                    substituted(std::string_view(name_template).substr(dot + 1), schema, table)};
    for (const std::string* part : {&name.schema, &name.table}) {
        if (part->size() > max_identifier_bytes) {
            return Status::fatal("the projection's name \"" + *part + "\" for " + std::string(schema) + "." +
                                     std::string(table) + " is longer than 63 bytes",
                                 "shorten the option table, or exclude the table");
        }
    }
    return name;
}

}  // namespace cdc::projection
