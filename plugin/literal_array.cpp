// The text of arrays, as array_out writes it: [lower:upper]…={…} where a lower bound is not 1.
#include "array_walk.h"
#include "json_writer.h"
#include "literal.h"

namespace cdc {

namespace {

struct ArrayLiteral : LiteralWriter {
    LiteralWriter* element;
    ElementLayout layout;
    char delimiter;
    QuotingRule quoting;
};

bool append_dimension(const ArrayLiteral& self, ElementWalk& walk, int dimension, StringInfo out, int limit) {
    const bool innermost = dimension == ARR_NDIM(walk.array) - 1;
    appendStringInfoChar(out, '{');
    for (int i = 0; i < ARR_DIMS(walk.array)[dimension]; ++i) {
        if (i > 0) appendStringInfoChar(out, self.delimiter);
        bool within = true;
        Datum element;
        if (!innermost) {
            within = append_dimension(self, walk, dimension + 1, out, limit);
        } else if (walk_next(walk, self.layout, &element)) {
            within = literal_append_part(self.quoting, *self.element, element, out, limit);
        } else {
            append_raw(out, "NULL");
        }
        if (!within || out->len > limit) return false;
    }
    appendStringInfoChar(out, '}');
    return true;
}

bool append_array(const LiteralWriter& writer, Datum value, StringInfo out, int limit) {
    const auto& self = static_cast<const ArrayLiteral&>(writer);
    const ArrayType* array = DatumGetArrayTypeP(value);
    if (ARR_NDIM(array) == 0) {
        append_raw(out, "{}");
        return out->len <= limit;
    }
    if (!starts_at_one(array)) {
        for (int i = 0; i < ARR_NDIM(array); ++i) {
            const int lower = ARR_LBOUND(array)[i];
            appendStringInfo(out, "[%d:%d]", lower, lower + ARR_DIMS(array)[i] - 1);
        }
        appendStringInfoChar(out, '=');
    }
    ElementWalk walk = walk_start(array);
    return append_dimension(self, walk, 0, out, limit);
}

}  // namespace

LiteralWriter* create_array_literal(Oid type, MemoryContext owner) {
    const Oid element_type = array_element_type(type);
    if (!OidIsValid(element_type)) return nullptr;
    auto* writer = static_cast<ArrayLiteral*>(MemoryContextAllocZero(owner, sizeof(ArrayLiteral)));
    Oid io_parameter;
    Oid output;
    int16 length;
    bool by_value;
    char alignment;
    get_type_io_data(element_type, IOFunc_output, &length, &by_value, &alignment, &writer->delimiter,
                     &io_parameter, &output);
    writer->append = append_array;
    writer->element = literal_create(element_type, owner);
    writer->depends_on_settings = writer->element->depends_on_settings;
    writer->layout = {length, by_value, alignment};
    char* special = static_cast<char*>(MemoryContextAllocZero(owner, 4));
    special[0] = '{';
    special[1] = '}';
    special[2] = writer->delimiter;
    writer->quoting = {special, false, true};
    return writer;
}

}  // namespace cdc
