// The text of every type that contains no other: what its output function returns.
//
// An output function is C code, never SQL or PL (PostgreSQL refuses those as one), and only one that promises
// to read nothing is called: no cast and no other function of a user runs here.
#include <algorithm>

#include "json_writer.h"
#include "jsonb_text.h"
#include "literal.h"

namespace cdc {

namespace {

struct ScalarLiteral : LiteralWriter {
    FmgrInfo* output;
    bool is_varlena;
    Size growth;  // most bytes of text per stored byte
};

// Built-in types whose text no setting changes: their columns cost the caller no pinning.
constexpr Oid kFixedText[] = {
    BOOLOID,    INT2OID,        INT4OID,     INT8OID,    OIDOID,        NUMERICOID,  UUIDOID, CHAROID,
    NAMEOID,    TEXTOID,        VARCHAROID,  XMLOID,     BPCHAROID,     JSONOID,     INETOID, CIDROID,
    MACADDROID, MACADDR8OID,    BITOID,      VARBITOID,  XIDOID,        CIDOID,      TIDOID,  LSNOID,
    XID8OID,    PG_SNAPSHOTOID, TSVECTOROID, TSQUERYOID, INT2VECTOROID, OIDVECTOROID};

bool has_fixed_text(Oid type) {
    return std::find(std::begin(kFixedText), std::end(kFixedText), type) != std::end(kFixedText) ||
           type_is_enum(type);
}

// Text types pass through, a numeric's text is short whatever its size. For the rest no built-in output
// function writes more than 8 bytes per stored byte (a bit string does), and we have to take an extension's
// to be like them.
Size growth_of(Oid type) {
    switch (type) {
        case TEXTOID:
        case VARCHAROID:
        case BPCHAROID:
        case JSONOID:
        case XMLOID:
            return 1;
        default:
            return 8;
    }
}

bool append_scalar(const LiteralWriter& writer, Datum value, StringInfo out, int limit) {
    const auto& self = static_cast<const ScalarLiteral&>(writer);
    // A text that might pass 1 GB is not asked for: palloc would raise, and stop the slot.
    if (self.is_varlena && toast_raw_datum_size(value) > kLongestText / self.growth) return false;
    const Datum fetched = self.is_varlena ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(value)) : value;
    char* text = OutputFunctionCall(self.output, fetched);
    const size_t len = strlen(text);
    const bool within = has_room(out, len, limit);
    if (within) append_raw(out, text, len);
    pfree(text);
    return within;
}

bool append_jsonb(const LiteralWriter&, Datum value, StringInfo out, int limit) {
    return append_jsonb_document(value, JsonbSpacing::as_output, out, limit);
}

// A function that is IMMUTABLE promises that it reads no table. One that does read an ordinary table would
// raise under decoding's snapshot (heapam.c, heap_beginscan), each time anew, and so stop the slot for good.
// PostgreSQL's own are known.
bool is_trusted(Oid function) {
    return function < FirstNormalObjectId || func_volatile(function) == PROVOLATILE_IMMUTABLE;
}

bool append_nothing(const LiteralWriter&, Datum, StringInfo, int) {
    return false;
}

}  // namespace

LiteralWriter* create_scalar_literal(Oid type, MemoryContext owner) {
    auto* writer = static_cast<ScalarLiteral*>(MemoryContextAllocZero(owner, sizeof(ScalarLiteral)));
    if (type == JSONBOID) {
        writer->append = append_jsonb;
        return writer;
    }
    Oid function;
    getTypeOutputInfo(type, &function, &writer->is_varlena);
    if (!is_trusted(function)) {
        writer->append = append_nothing;
        return writer;
    }
    writer->append = append_scalar;
    writer->output = static_cast<FmgrInfo*>(MemoryContextAllocZero(owner, sizeof(FmgrInfo)));
    fmgr_info_cxt(function, writer->output, owner);
    writer->growth = growth_of(type);
    writer->depends_on_settings = !has_fixed_text(type);
    return writer;
}

}  // namespace cdc
