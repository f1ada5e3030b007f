#include "envelope/event_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace cdc {
namespace {

// Reads a line's head from left to right. Every step either succeeds or marks the cursor failed, so that the
// reader below is a plain list of the fields in their order.
class Cursor {
  public:
    explicit Cursor(std::string_view text) : text_(text) {}

    bool failed() const { return expected_ != nullptr; }
    std::size_t at() const { return at_; }
    const char* expected() const { return expected_; }

    // Steps over `literal` if it comes next.
    bool skip(std::string_view literal) {
        if (failed() || text_.substr(at_, literal.size()) != literal) return false;
        at_ += literal.size();
        return true;
    }

    // Steps over `literal`, which must come next. A literal of the source code: it doubles as the message.
    void expect(const char* literal) {
        if (!failed() && !skip(literal)) expected_ = literal;
    }

    // The content of a JSON string, escapes kept.
    std::string_view string() {
        if (failed()) return {};
        const std::size_t end = skip_json_value(text_, at_);
        if (end == std::string_view::npos || text_[at_] != '"') return fail("a string");
        const std::string_view content = text_.substr(at_ + 1, end - at_ - 2);
        at_ = end;
        return content;
    }

    std::string_view string_or_null() { return skip("null") ? std::string_view{} : string(); }

    std::string_view object_or_null() {
        if (failed() || skip("null")) return {};
        const std::size_t end = skip_json_value(text_, at_);
        if (end == std::string_view::npos || text_[at_] != '{') return fail("an object");
        const std::string_view object = text_.substr(at_, end - at_);
        at_ = end;
        return object;
    }

    template <typename Integer>
    Integer integer() {
        Integer value{};
        if (failed()) return value;
        const char* const begin = text_.data() + at_;
        const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
        if (error != std::errc{}) return fail("an integer"), Integer{};
        at_ += static_cast<std::size_t>(end - begin);
        return value;
    }

    template <typename Integer>
    Integer integer_or(Integer when_null) {
        return skip("null") ? when_null : integer<Integer>();
    }

    std::string_view fail(const char* expected) {
        if (!failed()) expected_ = expected;
        return {};
    }

  private:
    std::string_view text_;
    std::size_t at_ = 0;
    const char* expected_ = nullptr;
};

Op read_op(Cursor& in) {
    const std::string_view text = in.string();
    constexpr std::string_view ops = "cudrtsmbe";
    if (text.size() != 1 || ops.find(text[0]) == std::string_view::npos) {
        in.fail("an op_type, one of c u d r t s m b e");
        return Op::insert;
    }
    return static_cast<Op>(text[0]);
}

// Most strings have no escape: their end is the next quote.
std::size_t skip_json_string(std::string_view text, std::size_t at) {
    std::size_t quote = at++;
    for (;;) {
        if (quote < at) quote = text.find('"', at);
        if (quote == std::string_view::npos) return quote;
        const std::size_t escape = text.substr(at, quote - at).find('\\');
        if (escape == std::string_view::npos) return quote + 1;
        at += escape + 2;
    }
}

std::size_t skip_json_container(std::string_view text, std::size_t at) {
    for (std::size_t depth = 0; at < text.size();) {
        switch (text[at]) {
            case '"':
                at = skip_json_string(text, at);
                continue;  // npos ends the loop
            case '{':
            case '[':
                ++depth;
                break;
            case '}':
            case ']':
                if (--depth == 0) return at + 1;
                break;
            default:
                break;
        }
        ++at;
    }
    return std::string_view::npos;
}

// Of a number, true, false or null. A quote or a bracket in a scalar would be read as a string's or an
// object's beginning by whoever reads the container around it.
bool is_scalar_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '+' || c == '.';
}

}  // namespace

std::size_t skip_json_value(std::string_view text, std::size_t at) {
    if (at >= text.size()) return std::string_view::npos;
    if (text[at] == '"') return skip_json_string(text, at);
    if (text[at] == '{' || text[at] == '[') return skip_json_container(text, at);
    std::size_t end = at;
    while (end < text.size() && is_scalar_character(text[end]))
        ++end;
    const bool ended = end == text.size() || text[end] == ',' || text[end] == ']' || text[end] == '}';
    return end == at || !ended ? std::string_view::npos : end;
}

Result<Event> read_event(std::string_view line) {
    Cursor in(line);
    Event event;
    event.line = line;
    in.expect(R"({"source_id":)");
    event.source_id = in.string();
    if (in.skip(R"(,"old_source_id":)")) event.old_source_id = in.string();
    in.expect(R"(,"schema_version":)");
    event.schema_version = in.integer<std::int32_t>();
    in.expect(R"(,"op_type":)");
    event.op = read_op(in);
    in.expect(R"(,"ts_source":)");
    event.ts_source = in.string_or_null();
    in.expect(R"(,"commit_lsn":)");
    const std::optional<Lsn> commit_lsn = Lsn::parse(in.string());
    if (!commit_lsn) in.fail("an LSN");
    event.commit_lsn = commit_lsn.value_or(Lsn{});
    in.expect(R"(,"xid":)");
    event.xid = in.integer_or<std::uint32_t>(0);
    in.expect(R"(,"seq":)");
    event.seq = in.integer_or<std::int64_t>(-1);
    in.expect(R"(,"schema":)");
    event.schema = in.string_or_null();
    in.expect(R"(,"table":)");
    event.table = in.string_or_null();
    if (in.skip(R"(,"partition":)")) event.partition = in.string();
    in.expect(R"(,"key":)");
    event.key = in.object_or_null();
    if (in.failed()) {
        return Status::fatal("malformed envelope: expected " + std::string(in.expected()) + " at byte " +
                                 std::to_string(in.at()) + " of a line of " + std::to_string(line.size()) +
                                 " bytes",
                             "the output plugin and cdc-worker must be of the same release");
    }
    return event;
}

namespace {

void append_utf8(std::string& out, std::uint32_t code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xC0 | code >> 6);
        out += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        out += static_cast<char>(0xE0 | code >> 12);
        out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
        out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | code >> 18);
        out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
        out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
        out += static_cast<char>(0x80 | (code & 0x3F));
    }
}

// The four hex digits at text[at], or nothing.
std::optional<std::uint32_t> hex4(std::string_view text, std::size_t at) {
    if (at + 4 > text.size()) return std::nullopt;
    std::uint32_t value = 0;
    const char* const begin = text.data() + at;
    const auto [end, error] = std::from_chars(begin, begin + 4, value, 16);
    if (error != std::errc{} || end != begin + 4) return std::nullopt;
    return value;
}

// Appends the character that the \u escape at text[at] ('\\') stands for; returns the index after it. Half a
// surrogate pair has no UTF-8 form: it becomes U+FFFD.
std::size_t append_unicode_escape(std::string& out, std::string_view text, std::size_t at) {
    constexpr std::uint32_t replacement = 0xFFFD;
    const std::optional<std::uint32_t> high = hex4(text, at + 2);
    if (!high) {
        append_utf8(out, replacement);
        return at + 2;
    }
    const bool pair = *high >= 0xD800 && *high < 0xDC00 && text.substr(at + 6, 2) == "\\u";
    const std::optional<std::uint32_t> low = pair ? hex4(text, at + 8) : std::nullopt;
    if (low && *low >= 0xDC00 && *low < 0xE000) {
        append_utf8(out, 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00));
        return at + 12;
    }
    append_utf8(out, *high >= 0xD800 && *high < 0xE000 ? replacement : *high);
    return at + 6;
}

}  // namespace

std::string unescape_json(std::string_view content) {
    std::string out;
    out.reserve(content.size());
    for (std::size_t at = 0; at < content.size();) {
        const std::size_t plain = std::min(content.find('\\', at), content.size()) - at;
        out.append(content, at, plain);
        at += plain;
        if (at == content.size()) break;
        if (at + 1 == content.size()) {
            out += content[at];
            break;
        }
        const char escape = content[at + 1];
        if (escape == 'u') {
            at = append_unicode_escape(out, content, at);
            continue;
        }
        constexpr std::string_view letters = "bfnrt";
        constexpr std::string_view characters = "\b\f\n\r\t";
        const std::size_t letter = letters.find(escape);
        out += letter == std::string_view::npos ? escape : characters[letter];
        at += 2;
    }
    return out;
}

Result<std::int64_t> parse_timestamp_us(std::string_view text) {
    // Days from civil (proleptic Gregorian), Howard Hinnant, "chrono-compatible low-level date algorithms".
    const auto number = [&text](std::size_t at, std::size_t digits) -> std::int64_t {
        std::int64_t value = -1;
        const char* const begin = text.data() + at;
        const auto [end, error] = std::from_chars(begin, begin + digits, value);
        return error == std::errc{} && end == begin + digits ? value : -1;
    };
    constexpr std::string_view shape = "0000-00-00T00:00:00.000000Z";
    bool good = text.size() == shape.size();
    for (std::size_t i = 0; good && i < shape.size(); ++i)
        good = shape[i] == '0' || shape[i] == text[i];
    if (!good) return Status::fatal("malformed timestamp in an envelope");
    const std::array<std::int64_t, 7> part = {number(0, 4),  number(5, 2),  number(8, 2), number(11, 2),
                                              number(14, 2), number(17, 2), number(20, 6)};
    for (const std::int64_t value : part) {
        if (value < 0) return Status::fatal("malformed timestamp in an envelope");
    }
    const std::int64_t year = part[0] - (part[1] <= 2 ? 1 : 0);
    const std::int64_t era = year / 400;
    const std::int64_t year_of_era = year - era * 400;
    const std::int64_t day_of_year = (153 * (part[1] + (part[1] > 2 ? -3 : 9)) + 2) / 5 + part[2] - 1;
    const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    const std::int64_t days = era * 146097 + day_of_era - 719468;
    return (((days * 24 + part[3]) * 60 + part[4]) * 60 + part[5]) * 1000000 + part[6];
}

}  // namespace cdc
