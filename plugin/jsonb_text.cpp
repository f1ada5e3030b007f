// The stored tree (utils/jsonb.h) is walked where it lies: entries in order, with a running offset, without
// the copies and allocations of the server's iterator. That one does take over where a document is deep, as
// it keeps its stack on the heap.
#include "jsonb_text.h"

#include "json_writer.h"
#include "numeric_text.h"

namespace cdc {

namespace {

constexpr int kDeepest = 64;  // containers within each other that are walked by recursion

struct Writer {
    StringInfo out;
    int limit;
    std::string_view comma;
    std::string_view colon;

    bool within() const { return out->len <= limit; }
    bool append_string(const char* s, size_t length) const {
        return json_append_string_within(out, s, length, limit);
    }
};

bool append_scalar(const Writer& writer, const JsonbValue& scalar) {
    switch (scalar.type) {
        case jbvString:
            return writer.append_string(scalar.val.string.val, static_cast<size_t>(scalar.val.string.len));
        case jbvNumeric:
            append_numeric_text(writer.out, NumericGetDatum(scalar.val.numeric));
            break;
        case jbvBool:
            append_raw(writer.out, scalar.val.boolean ? "true" : "false");
            break;
        default:
            append_raw(writer.out, "null");
            break;
    }
    return writer.within();
}

bool append_with_iterator(const Writer& writer, JsonbContainer* container) {
    JsonbIterator* it = JsonbIteratorInit(container);
    bool first = true;  // no comma before what comes next
    JsonbValue v;
    for (;;) {
        const JsonbIteratorToken token = JsonbIteratorNext(&it, &v, false);
        if (token == WJB_DONE) return writer.within();
        const bool opens = token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT;
        const bool closes = token == WJB_END_ARRAY || token == WJB_END_OBJECT;
        if (!first && !closes) append_raw(writer.out, writer.comma);
        first = opens || token == WJB_KEY;
        if (opens) {
            append_char(writer.out, token == WJB_BEGIN_ARRAY ? '[' : '{');
        } else if (closes) {
            append_char(writer.out, token == WJB_END_ARRAY ? ']' : '}');
        } else if (!append_scalar(writer, v)) {
            return false;
        }
        if (token == WJB_KEY) append_raw(writer.out, writer.colon);
        if (!writer.within()) return false;
    }
}

// Reads a container's entries one after the other; each says only its own length, or at times where it ends.
struct EntryReader {
    const JEntry* next;
    char* base;     // of the container's data
    uint32 offset;  // where the next entry's data begins

    struct Entry {
        JEntry entry;
        char* data;  // not aligned
        char* aligned;
        uint32 length;
    };

    Entry read() {
        const JEntry entry = *next++;
        const uint32 start = offset;
        JBE_ADVANCE_OFFSET(offset, entry);
        return {entry, base + start, base + INTALIGN(start), offset - start};
    }
};

bool append_container(const Writer& writer, JsonbContainer* container, int depth);

bool append_entry(const Writer& writer, const EntryReader::Entry& entry, int depth) {
    const JEntry kind = entry.entry;
    if (JBE_ISSTRING(kind)) return writer.append_string(entry.data, entry.length);
    if (JBE_ISCONTAINER(kind)) {
        return append_container(writer, reinterpret_cast<JsonbContainer*>(entry.aligned), depth + 1);
    }
    if (JBE_ISNUMERIC(kind))
        append_numeric_text(writer.out, PointerGetDatum(entry.aligned));
    else
        append_raw(writer.out, JBE_ISBOOL_TRUE(kind) ? "true" : JBE_ISBOOL_FALSE(kind) ? "false" : "null");
    return writer.within();
}

bool append_array(const Writer& writer, JsonbContainer* container, int depth) {
    const uint32 count = JsonContainerSize(container);
    EntryReader elements{container->children, reinterpret_cast<char*>(container->children + count), 0};
    append_char(writer.out, '[');
    for (uint32 i = 0; i < count; ++i) {
        if (i > 0) append_raw(writer.out, writer.comma);
        if (!append_entry(writer, elements.read(), depth)) return false;
    }
    append_char(writer.out, ']');
    return writer.within();
}

// All keys come first, then all values.
bool append_object(const Writer& writer, JsonbContainer* container, int depth) {
    const uint32 count = JsonContainerSize(container);
    char* const base = reinterpret_cast<char*>(container->children + 2 * count);
    EntryReader keys{container->children, base, 0};
    EntryReader values{container->children + count, base, getJsonbOffset(container, static_cast<int>(count))};
    append_char(writer.out, '{');
    for (uint32 i = 0; i < count; ++i) {
        if (i > 0) append_raw(writer.out, writer.comma);
        if (!append_entry(writer, keys.read(), depth)) return false;
        append_raw(writer.out, writer.colon);
        if (!append_entry(writer, values.read(), depth)) return false;
    }
    append_char(writer.out, '}');
    return writer.within();
}

bool append_container(const Writer& writer, JsonbContainer* container, int depth) {
    if (depth > kDeepest) return append_with_iterator(writer, container);
    return JsonContainerIsObject(container) ? append_object(writer, container, depth)
                                            : append_array(writer, container, depth);
}

bool append_root(const Writer& writer, JsonbContainer* root) {
    if (!JsonContainerIsScalar(root)) return append_container(writer, root, 0);
    EntryReader elements{root->children, reinterpret_cast<char*>(root->children + 1), 0};  // an array of one
    return append_entry(writer, elements.read(), 0);
}

}  // namespace

bool append_jsonb_document(Datum value, JsonbSpacing spacing, StringInfo out, int limit) {
    const bool spaced = spacing == JsonbSpacing::as_output;
    const Writer writer{out, limit, spaced ? ", " : ",", spaced ? ": " : ":"};
    const auto* const stored = reinterpret_cast<const struct varlena*>(DatumGetPointer(value));
    if (VARATT_IS_SHORT(stored) && !VARATT_IS_EXTERNAL(stored)) {  // an external one has the short mark too
        // Small documents are packed, and so not aligned: the copy goes to the stack instead of to palloc.
        alignas(MAXIMUM_ALIGNOF) char copy[VARATT_SHORT_MAX];
        memcpy(copy, VARDATA_SHORT(stored), VARSIZE_SHORT(stored) - VARHDRSZ_SHORT);
        return append_root(writer, reinterpret_cast<JsonbContainer*>(copy));
    }
    return append_root(writer, &DatumGetJsonbP(value)->root);
}

}  // namespace cdc
