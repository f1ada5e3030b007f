#include "envelope/table_definition.h"

#include <rapidjson/document.h>

namespace cdc {
namespace {

std::string text_of(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    if (member == object.MemberEnd() || !member->value.IsString()) return {};
    return {member->value.GetString(), member->value.GetStringLength()};
}

const rapidjson::Value* array_of(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    return member != object.MemberEnd() && member->value.IsArray() ? &member->value : nullptr;
}

ColumnDefinition column_of(const rapidjson::Value& object) {
    ColumnDefinition column;
    column.name = text_of(object, "name");
    column.type = text_of(object, "type");
    if (const auto it = object.FindMember("nullable"); it != object.MemberEnd() && it->value.IsBool()) {
        column.nullable = it->value.GetBool();
    }
    if (const auto it = object.FindMember("position"); it != object.MemberEnd() && it->value.IsInt()) {
        column.position = it->value.GetInt();
    }
    return column;
}

}  // namespace

Result<TableDefinition> parse_table_definition(std::string_view json) {
    // Debian 12's RapidJSON: the recursive parser overflows the stack on deep nesting, hence the iterative
    // one.
    constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
    rapidjson::Document document;
    document.Parse<flags>(json.data(), json.size());
    if (document.HasParseError() || !document.IsObject()) {
        return Status::fatal("malformed table definition: not a JSON object");
    }
    TableDefinition definition;
    const rapidjson::Value* columns = array_of(document, "columns");
    if (columns == nullptr) return Status::fatal("malformed table definition: no columns");
    for (const rapidjson::Value& column : columns->GetArray()) {
        if (!column.IsObject()) return Status::fatal("malformed table definition: a column is not an object");
        definition.columns.push_back(column_of(column));
        if (definition.columns.back().name.empty() || definition.columns.back().type.empty()) {
            return Status::fatal("malformed table definition: a column without name or type");
        }
    }
    if (const rapidjson::Value* key = array_of(document, "key")) {
        for (const rapidjson::Value& name : key->GetArray()) {
            if (name.IsString()) definition.key.emplace_back(name.GetString(), name.GetStringLength());
        }
    }
    definition.replica_identity = text_of(document, "replica_identity");
    definition.fingerprint = text_of(document, "fingerprint");
    return definition;
}

}  // namespace cdc
