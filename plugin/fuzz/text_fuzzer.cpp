// The writer of JSON strings, from any bytes in each of three encodings: one byte for the encoding, one for
// what is in the output already, two for the limit, then the text.
//
// Oracles: RapidJSON, which checks UTF-8 too, reads the text back as the contract has it (expected_utf8); a
// limit gives the same string or leaves the output as it was; quotes, escapes and percent signs taken off
// give the text again; no byte outside of the text and its copy is touched.
#include <rapidjson/document.h>

#include <algorithm>

#include "backend.h"
#include "input.h"
#include "json_writer.h"
#include "plain_run.h"

using namespace cdc;

namespace {

constexpr int kEncodings[] = {PG_UTF8, PG_SQL_ASCII, PG_LATIN1};

std::string_view view(const StringInfoData& text, int from = 0) {
    return {text.data + from, static_cast<size_t>(text.len - from)};
}

StringInfoData output_after(std::string_view before) {
    StringInfoData out;
    initStringInfo(&out);
    append_raw(&out, before);
    return out;
}

std::string parsed(std::string_view json) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
    fuzz::expect(!document.HasParseError() && document.IsString(), "a string is valid JSON in UTF-8");
    return {document.GetString(), document.GetStringLength()};
}

template <HighBytes high>
void check_copy(const char* s, size_t length) {
    const auto stops = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < ' ' || c == '"' || c == '\\' || (high == HighBytes::stop && byte > 127);
    };
    const auto run = static_cast<size_t>(std::find_if(s, s + length, stops) - s);
    auto* const copy = static_cast<char*>(palloc(length));
    fuzz::expect(copy_plain<high>(copy, s, length) == run, "a run ends where its first stop is");
    fuzz::expect(std::equal(s, s + run, copy), "a run is copied as it is");
}

void check_string(const char* s, size_t length, std::string_view before, const std::string& expected) {
    StringInfoData out = output_after(before);
    json_append_string(&out, s, length);
    fuzz::expect(view(out).substr(0, before.size()) == before, "what was there stays");
    fuzz::expect(out.data[out.len] == '\0', "the output ends in a zero byte");
    fuzz::expect(parsed(view(out, static_cast<int>(before.size()))) == expected, "a string is the text");
    json_unquote_tail(&out, static_cast<int>(before.size()));
    fuzz::expect(view(out, static_cast<int>(before.size())) == expected, "a string unquoted is the text");

    StringInfoData plain = output_after(before);
    append_utf8(&plain, s, length);
    fuzz::expect(view(plain) == view(out), "the text as UTF-8 is the string unquoted");
}

void check_limit(const char* s, size_t length, std::string_view before, int limit) {
    StringInfoData whole = output_after(before);
    json_append_string(&whole, s, length);
    StringInfoData out = output_after(before);
    const bool within = json_append_string_within(&out, s, length, limit);
    fuzz::expect(within == (whole.len <= limit), "a string is within its limit or is not");
    fuzz::expect(view(out) == (within ? view(whole) : before), "a limit gives the same string, or nothing");
}

void check_percent(const char* s, size_t length, const std::string& expected) {
    StringInfoData out = output_after("");
    append_percent_encoded(&out, s, length);
    std::string decoded;
    const std::string_view encoded = view(out);
    for (size_t i = 0; i < encoded.size(); ++i) {
        const auto c = static_cast<unsigned char>(encoded[i]);
        const bool unreserved = isalnum(c) || strchr("-._~", c) != nullptr;
        fuzz::expect(unreserved || c == '%', "what is not unreserved is %HH");
        fuzz::expect(c != '%' || i + 2 < encoded.size(), "a percent sign has two digits");
        decoded += c == '%' ? static_cast<char>(std::stoi(std::string(encoded.substr(i + 1, 2)), nullptr, 16))
                            : encoded[i];
        if (c == '%') i += 2;
    }
    fuzz::expect(decoded == expected, "percent-encoding is undone by decoding");
    fuzz::expect(is_all_unreserved(expected) == (encoded == expected), "unreserved text stays as it is");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
    fuzz::Input input(data, size);
    fuzz::begin_run(kEncodings[input.number(1) % lengthof(kEncodings)]);
    const std::string before(input.number(1), '[');
    const auto limit = static_cast<int>(input.number(2));
    const char* const s = fuzz::exact_copy(input.rest());
    const size_t length = input.rest().size();
    const std::string expected = fuzz::expected_utf8(input.rest());
    const bool raised = fuzz::raises([&] {
        check_copy<HighBytes::stop>(s, length);
        check_copy<HighBytes::copy>(s, length);
        check_string(s, length, before, expected);
        check_limit(s, length, before, limit);
        // A byte that is no character stays what it is.
        check_percent(s, length, GetDatabaseEncoding() == PG_LATIN1 ? expected : std::string(input.rest()));
    });
    fuzz::expect(!raised, "no text raises");
    return 0;
}
