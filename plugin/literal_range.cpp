// The text of ranges and multiranges, as range_out and multirange_out write it: [1,5), empty, {[1,2),[5,)}.
#include "json_writer.h"
#include "literal.h"

namespace cdc {

namespace {

constexpr QuotingRule kQuoting{"()[],", true, false};

struct RangeLiteral : LiteralWriter {
    TypeCacheEntry* range_type;  // lives as long as the process (typcache.c)
    LiteralWriter* bound;
};

struct MultirangeLiteral : LiteralWriter {
    TypeCacheEntry* range_type;
    LiteralWriter* range;
};

bool append_range(const LiteralWriter& writer, Datum value, StringInfo out, int limit) {
    const auto& self = static_cast<const RangeLiteral&>(writer);
    RangeBound lower;
    RangeBound upper;
    bool empty;
    range_deserialize(self.range_type, DatumGetRangeTypeP(value), &lower, &upper, &empty);
    if (empty) {
        append_raw(out, "empty");
        return out->len <= limit;
    }
    appendStringInfoChar(out, lower.inclusive ? '[' : '(');
    if (!lower.infinite && !literal_append_part(kQuoting, *self.bound, lower.val, out, limit)) return false;
    appendStringInfoChar(out, ',');
    if (!upper.infinite && !literal_append_part(kQuoting, *self.bound, upper.val, out, limit)) return false;
    appendStringInfoChar(out, upper.inclusive ? ']' : ')');
    return out->len <= limit;
}

bool append_multirange(const LiteralWriter& writer, Datum value, StringInfo out, int limit) {
    const auto& self = static_cast<const MultirangeLiteral&>(writer);
    int32 count;
    RangeType** ranges;
    multirange_parts(self.range_type, value, &count, &ranges);
    appendStringInfoChar(out, '{');
    for (int32 i = 0; i < count; ++i) {
        if (i > 0) appendStringInfoChar(out, ',');
        if (!self.range->append(*self.range, RangeTypePGetDatum(ranges[i]), out, limit)) return false;
    }
    appendStringInfoChar(out, '}');
    return out->len <= limit;
}

RangeLiteral* create_range(Oid type, MemoryContext owner) {
    auto* writer = static_cast<RangeLiteral*>(MemoryContextAllocZero(owner, sizeof(RangeLiteral)));
    writer->append = append_range;
    writer->range_type = lookup_type_cache(type, TYPECACHE_RANGE_INFO);
    writer->bound = literal_create(writer->range_type->rngelemtype->type_id, owner);
    writer->depends_on_settings = writer->bound->depends_on_settings;
    return writer;
}

}  // namespace

LiteralWriter* create_range_literal(Oid type, MemoryContext owner) {
    if (type_is_range(type)) return create_range(type, owner);
    const Oid range = range_of_multirange(type);
    if (!OidIsValid(range)) return nullptr;
    auto* writer = static_cast<MultirangeLiteral*>(MemoryContextAllocZero(owner, sizeof(MultirangeLiteral)));
    writer->append = append_multirange;
    writer->range_type = lookup_type_cache(range, TYPECACHE_RANGE_INFO);
    writer->range = literal_create(range, owner);
    writer->depends_on_settings = writer->range->depends_on_settings;
    return writer;
}

}  // namespace cdc
