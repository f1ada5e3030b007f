// The text of composites, as record_out writes it: (a,,"b c").
#include "json_writer.h"
#include "literal.h"
#include "row_definition.h"
#include "settings.h"

namespace cdc {

namespace {

constexpr QuotingRule kQuoting{"(),", true, false};

struct CompositeLiteral : LiteralWriter {
    RowDefinition* definition;  // of LiteralWriter
};

CompiledAttribute make_attribute(const void*, const FormData_pg_attribute& column, MemoryContext owner) {
    LiteralWriter* writer = literal_create(column.atttypid, owner);
    return {writer, writer->depends_on_settings};
}

bool append_attributes(const RowDefinition& type, Datum value, StringInfo out, int limit) {
    const DeformedRow row = row_deform(type, DatumGetHeapTupleHeader(value));
    bool first = true;
    appendStringInfoChar(out, '(');
    for (int i = 0; i < type.descriptor->natts; ++i) {
        const auto* attribute = static_cast<const LiteralWriter*>(type.attributes[i]);
        if (attribute == nullptr) continue;
        if (!first) appendStringInfoChar(out, ',');
        first = false;
        if (row.nulls[i]) continue;
        if (!literal_append_part(kQuoting, *attribute, row.values[i], out, limit)) return false;
    }
    appendStringInfoChar(out, ')');
    return out->len <= limit;
}

bool append_composite(const LiteralWriter& writer, Datum value, StringInfo out, int limit) {
    const auto& self = static_cast<const CompositeLiteral&>(writer);
    row_definition_refresh(self.definition);
    // An attribute added since the caller asked may need what the caller has not pinned.
    const bool pin = self.definition->depends_on_settings && !self.depends_on_settings;
    const int nest_level = pin ? settings_pin() : 0;
    const bool within = append_attributes(*self.definition, value, out, limit);
    if (pin) settings_unpin(nest_level);
    return within;
}

}  // namespace

LiteralWriter* create_composite_literal(Oid type, MemoryContext owner) {
    if (get_typtype(type) != TYPTYPE_COMPOSITE) return nullptr;
    auto* writer = static_cast<CompositeLiteral*>(MemoryContextAllocZero(owner, sizeof(CompositeLiteral)));
    writer->append = append_composite;
    writer->definition = row_definition_create(type, owner, make_attribute, nullptr);
    row_definition_refresh(writer->definition);
    writer->depends_on_settings = writer->definition->depends_on_settings;
    return writer;
}

}  // namespace cdc
