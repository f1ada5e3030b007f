// A column of type json: one byte for the encoding, one for the datum's header and the option json=string,
// two for the limit, then the document.
//
// Oracles, for what PostgreSQL's own parser accepts: the output is the input without the white space between
// its tokens, found here by a loop of its own; PostgreSQL accepts it; and RapidJSON reads the same out of
// both, numbers compared by their digits, or finds the same fault in both (it refuses surrogates without a
// partner).
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include "backend.h"
#include "encode_routine.h"
#include "input.h"

extern "C" {
#include <common/jsonapi.h>
}

using namespace cdc;

namespace {

constexpr int kEncodings[] = {PG_UTF8, PG_SQL_ASCII, PG_LATIN1};

// What a document says, one token to the line.
struct Tokens : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Tokens> {
    std::string text;

    bool add(char kind, std::string_view value = {}) {
        text += kind + std::to_string(value.size()) + ':' + std::string(value) + '\n';
        return true;
    }
    bool Null() { return add('0'); }
    bool Bool(bool value) { return add(value ? 't' : 'f'); }
    bool RawNumber(const char* digits, rapidjson::SizeType size, bool) { return add('n', {digits, size}); }
    bool String(const char* s, rapidjson::SizeType size, bool) { return add('s', {s, size}); }
    bool Key(const char* s, rapidjson::SizeType size, bool) { return add('k', {s, size}); }
    bool StartObject() { return add('{'); }
    bool EndObject(rapidjson::SizeType) { return add('}'); }
    bool StartArray() { return add('['); }
    bool EndArray(rapidjson::SizeType) { return add(']'); }
};

std::string tokens_of(std::string_view document) {
    constexpr unsigned kFlags = rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag |
                                rapidjson::kParseNumbersAsStringsFlag;
    Tokens tokens;
    rapidjson::Reader reader;
    rapidjson::MemoryStream stream(document.data(), document.size());
    const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, tokens);
    if (result.IsError()) tokens.text += rapidjson::GetParseError_En(result.Code());
    return tokens.text;
}

bool postgres_accepts(std::string_view document) {
    const std::string copy(document);
    JsonSemAction nothing{};
    JsonLexContext* lexer = makeJsonLexContextCstringLen(const_cast<char*>(copy.data()),
                                                         static_cast<int>(copy.size()), PG_UTF8, false);
    const bool accepts = pg_parse_json(lexer, &nothing) == JSON_SUCCESS;
    pfree(lexer);
    return accepts;
}

// The document in UTF-8 without white space between its tokens. In a string, a byte that is not valid is
// \\xhh.
std::string compacted(std::string_view document) {
    std::string kept;
    bool in_string = false;
    for (size_t i = 0; i < document.size(); ++i) {
        const char c = document[i];
        if (c == '"') in_string = !in_string;
        if (!in_string && strchr(" \t\r\n", c) != nullptr) continue;
        kept += c;
        if (c == '\\' && in_string && i + 1 < document.size()) kept += document[++i];
    }
    return kept;
}

std::string in_utf8(std::string_view document) {
    std::string text;
    while (!document.empty()) {
        size_t ascii = 0;
        while (ascii < document.size() && static_cast<unsigned char>(document[ascii]) < 0x80)
            ++ascii;
        text += document.substr(0, ascii);
        document.remove_prefix(ascii);
        size_t high = 0;
        while (high < document.size() && static_cast<unsigned char>(document[high]) >= 0x80)
            ++high;
        for (const char c : fuzz::expected_utf8(document.substr(0, high)))
            text += c == '\\' ? "\\\\" : std::string(1, c);
        document.remove_prefix(high);
    }
    return text;
}

// A datum as a tuple holds it: with a header of one byte where it is short, or of four.
Datum text_datum(std::string_view document, bool short_header) {
    const bool is_short = short_header && document.size() + VARHDRSZ_SHORT <= VARATT_SHORT_MAX;
    const size_t header = is_short ? VARHDRSZ_SHORT : VARHDRSZ;
    auto* datum = static_cast<char*>(palloc(header + document.size()));
    if (is_short)
        SET_VARSIZE_SHORT(datum, header + document.size());
    else
        SET_VARSIZE(datum, header + document.size());
    memcpy(datum + header, document.data(), document.size());
    return PointerGetDatum(datum);
}

std::string encode(Datum document, bool as_string, int limit, ValueOutcome* outcome) {
    const ValueOptions options{false, as_string, 0};
    const ValueEncoder* const encoder = create_json_encoder({JSONOID, -1, options, nullptr});
    StringInfoData out;
    initStringInfo(&out);
    *outcome = encoder->write(*encoder, document, &out, limit);
    fuzz::expect(*outcome == ValueOutcome::oversize || out.len <= limit,
                 "what is written is within the limit");
    return {out.data, static_cast<size_t>(out.len)};
}

constexpr int kNoLimit = 1 << 24;

void check_document(Datum datum, const std::string& document, int limit) {
    ValueOutcome outcome;
    const std::string out = encode(datum, false, kNoLimit, &outcome);
    const bool is_null = compacted(document) == "null";
    fuzz::expect(outcome == (is_null ? ValueOutcome::json_null : ValueOutcome::written),
                 "null is JSON's null");
    fuzz::expect(postgres_accepts(out), "PostgreSQL accepts the output");
    fuzz::expect(tokens_of(out) == tokens_of(document), "RapidJSON reads the same out of both");
    fuzz::expect(compacted(out) == out, "no white space between tokens");
    if (GetDatabaseEncoding() == PG_UTF8 && in_utf8(document) == document)
        fuzz::expect(out == compacted(document), "the output is the input but for white space");

    const std::string limited = encode(datum, false, limit, &outcome);
    const bool within = outcome != ValueOutcome::oversize;
    fuzz::expect(within == (static_cast<int>(out.size()) <= limit),
                 "a document is within its limit or is not");
    fuzz::expect(!within || limited == out, "a limit gives the same document");

    const std::string quoted = encode(datum, true, kNoLimit, &outcome);
    fuzz::expect(tokens_of(quoted) == 's' + std::to_string(out.size()) + ':' + out + '\n',
                 "json=string is the document as a string");
    encode(datum, true, limit, &outcome);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
    fuzz::Input input(data, size);
    fuzz::begin_run(kEncodings[input.number(1) % lengthof(kEncodings)]);
    const bool short_header = (input.number(1) & 1) != 0;
    const auto limit = static_cast<int>(input.number(2));
    const Datum datum = text_datum(input.rest(), short_header);
    const std::string document = in_utf8(input.rest());
    const bool raised = fuzz::raises([&] {
        if (input.rest().find('\0') == std::string_view::npos && postgres_accepts(document)) {
            check_document(datum, document, limit);
        } else {
            // The type lets none of these in: nothing to say of the output, but no byte outside is touched.
            ValueOutcome outcome;
            encode(datum, false, limit, &outcome);
        }
    });
    fuzz::expect(!raised, "no document raises");
    return 0;
}
