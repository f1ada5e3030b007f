// json and jsonb: the document itself, or (option json=string) its text as a string.
//
// A document's white space between tokens goes; everything else stays as it is written: digits of numbers,
// order and repetition of keys, escapes within strings (also \u0000 and lone surrogates, which json accepts).
#include "encode_routine.h"
#include "jsonb_text.h"
#include "plain_run.h"
#include "text_encoding.h"

namespace cdc {

namespace {

inline bool is_json_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

// End of the string that starts at the quote s, past its closing quote.
const char* end_of_json_string(const char* s, const char* end) {
    for (++s; s < end && *s != '"'; ++s) {
        if (*s == '\\' && s + 1 < end) ++s;
    }
    return s < end ? s + 1 : end;
}

// A string of a json column, already escaped: only what is not ASCII may need a change.
bool append_json_token(StringInfo out, const char* s, const char* end, int limit) {
    while (s < end) {
        const char* ascii_end = s;
        while (ascii_end < end && static_cast<unsigned char>(*ascii_end) < 0x80) {
            ++ascii_end;
        }
        const auto run = static_cast<size_t>(ascii_end - s);
        if (!has_room(out, run, limit)) return false;
        append_raw(out, s, run);
        s = end_of_non_ascii(ascii_end, end);
        if (!json_append_non_ascii_within(out, ascii_end, static_cast<size_t>(s - ascii_end), limit)) {
            return false;
        }
    }
    return true;
}

// The column's type has checked the document (json_in), so a scan for strings and spaces is enough.
bool append_compact_json(StringInfo out, const char* s, const char* end, int limit) {
    while (s < end) {
        const char* token = s;
        if (*s == '"') {
            s = end_of_json_string(s, end);
            if (!append_json_token(out, token, s, limit)) return false;
            continue;
        }
        while (s < end && *s != '"' && !is_json_space(*s)) {
            ++s;
        }
        const auto run = static_cast<size_t>(s - token);
        if (!has_room(out, run, limit)) return false;
        append_raw(out, token, run);
        while (s < end && is_json_space(*s)) {
            ++s;
        }
    }
    return true;
}

// Puts the string that starts at the quote s as it is, up to and with its closing quote.
char* put_json_string(char* to, const char** s, const char* end) {
    const char* from = *s;
    *to++ = *from++;
    while (from < end) {
        const size_t run = copy_plain<HighBytes::copy>(to, from, static_cast<size_t>(end - from));
        from += run;
        to += run;
        if (from == end) break;
        const char stop = *from++;
        *to++ = stop;
        if (stop == '"') break;
        if (stop == '\\' && from < end) *to++ = *from++;
    }
    *s = from;
    return to;
}

// The same in one pass, for a document whose bytes are all to be copied. It gets no longer, so one look at
// the room will do.
void append_copyable_json(StringInfo out, const char* s, const char* end) {
    char* to = make_room(out, static_cast<size_t>(end - s));
    while (s < end) {
        if (*s == '"') {
            to = put_json_string(to, &s, end);
        } else if (is_json_space(*s)) {
            ++s;
        } else {
            *to++ = *s++;
        }
    }
    end_text(out, to);
}

bool append_json(Datum value, StringInfo out, int limit) {
    const text* document = DatumGetTextPP(value);
    const char* s = VARDATA_ANY(document);
    const Size length = VARSIZE_ANY_EXHDR(document);
    if (!database_is_utf8() || !has_room(out, length, limit) || valid_utf8_prefix(s, length) != length) {
        return append_compact_json(out, s, s + length, limit);
    }
    append_copyable_json(out, s, s + length);
    return true;
}

bool append_jsonb(Datum value, StringInfo out, int limit) {
    return append_jsonb_document(value, JsonbSpacing::none, out, limit);
}

using AppendDocument = bool (*)(Datum value, StringInfo out, int limit);

ValueOutcome write_native(AppendDocument append, Datum value, StringInfo out, int limit) {
    const int start = out->len;
    if (!append(value, out, limit)) return ValueOutcome::oversize;
    const std::string_view document(out->data + start, static_cast<size_t>(out->len - start));
    return document == "null" ? ValueOutcome::json_null : ValueOutcome::written;
}

ValueOutcome write_as_string(AppendDocument append, Datum value, StringInfo out, int limit) {
    StringInfoData document;
    initStringInfo(&document);
    const bool within =
        append(value, &document, limit - out->len) &&
        json_append_string_within(out, document.data, static_cast<size_t>(document.len), limit);
    pfree(document.data);
    return within ? ValueOutcome::written : ValueOutcome::oversize;
}

ValueOutcome write_json(const ValueEncoder&, Datum value, StringInfo out, int limit) {
    return write_native(append_json, value, out, limit);
}

ValueOutcome write_jsonb(const ValueEncoder&, Datum value, StringInfo out, int limit) {
    return write_native(append_jsonb, value, out, limit);
}

ValueOutcome write_json_string(const ValueEncoder&, Datum value, StringInfo out, int limit) {
    return write_as_string(append_json, value, out, limit);
}

ValueOutcome write_jsonb_string(const ValueEncoder&, Datum value, StringInfo out, int limit) {
    return write_as_string(append_jsonb, value, out, limit);
}

}  // namespace

ValueEncoder* create_json_encoder(const EncoderBuild& build) {
    if (build.type != JSONOID && build.type != JSONBOID) return nullptr;
    const bool binary = build.type == JSONBOID;
    EncodeRoutine write = binary ? write_jsonb : write_json;
    if (build.options.json_as_string) write = binary ? write_jsonb_string : write_json_string;
    ValueEncoder* encoder = new_encoder<ValueEncoder>(build, write);
    encoder->may_be_json_null = !build.options.json_as_string;
    return encoder;
}

}  // namespace cdc
