#include "literal.h"

#include <type_traits>

#include "json_writer.h"

namespace cdc {

static_assert(std::is_trivially_destructible_v<LiteralWriter>, "longjmp runs no destructor");

namespace {

// The white space of array_in, record_in and range_in, whatever LC_CTYPE says.
inline bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool needs_quotes(const QuotingRule& rule, const StringInfoData& text) {
    if (text.len == 0 || (rule.quote_null && pg_strcasecmp(text.data, "NULL") == 0)) return true;
    for (int i = 0; i < text.len; ++i) {
        const char c = text.data[i];
        if (c == '"' || c == '\\' || is_space(c) || strchr(rule.special, c) != nullptr) return true;
    }
    return false;
}

}  // namespace

bool literal_append_part(const QuotingRule& rule, const LiteralWriter& part, Datum value, StringInfo out,
                         int limit) {
    StringInfoData text;
    initStringInfo(&text);
    bool within = part.append(part, value, &text, limit - out->len);
    if (within) {
        const bool quotes = needs_quotes(rule, text);
        if (quotes) appendStringInfoChar(out, '"');
        for (int i = 0; i < text.len && within; ++i) {
            const char c = text.data[i];
            if (c == '"' || c == '\\') appendStringInfoChar(out, rule.doubled ? c : '\\');
            appendStringInfoChar(out, c);
            within = out->len <= limit;
        }
        if (quotes) appendStringInfoChar(out, '"');
    }
    pfree(text.data);
    return within && out->len <= limit;
}

LiteralWriter* literal_create(Oid type, MemoryContext owner) {
    const Oid base_type = getBaseType(type);
    for (auto create :
         {create_array_literal, create_composite_literal, create_range_literal, create_settled_literal}) {
        if (LiteralWriter* writer = create(base_type, owner)) return writer;
    }
    return create_scalar_literal(base_type, owner);
}

}  // namespace cdc
