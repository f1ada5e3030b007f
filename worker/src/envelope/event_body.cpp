#include "envelope/event_body.h"

#include <optional>

#include "base/number.h"
#include "envelope/event_reader.h"

namespace cdc {
namespace {

Status malformed(const char* what) {
    return Status::fatal(std::string("malformed envelope: ") + what,
                         "the output plugin and cdc-worker must be of the same release");
}

std::string_view string_content(std::string_view raw) {
    return raw.size() >= 2 && raw.front() == '"' ? raw.substr(1, raw.size() - 2) : std::string_view{};
}

std::string_view object_or_empty(std::string_view raw) {
    return raw == "null" ? std::string_view{} : raw;
}

// ["a","b"] → a, b
Result<std::vector<std::string>> read_names(std::string_view array) {
    std::vector<std::string> names;
    if (array.size() < 2 || array.front() != '[') return malformed("expected an array of names");
    for (std::size_t at = 1; at < array.size() && array[at] != ']';) {
        const std::size_t end = skip_json_value(array, at);
        if (end == std::string_view::npos || array[at] != '"') return malformed("expected a name");
        names.push_back(unescape_json(string_content(array.substr(at, end - at))));
        at = end + (array[end] == ',' ? 1 : 0);
    }
    return names;
}

Status read_field(EventBody& body, std::string_view name, std::string_view raw) {
    if (name == "before") {
        body.before = object_or_empty(raw);
    } else if (name == "after") {
        body.after = object_or_empty(raw);
    } else if (name == "unchanged" || name == "oversize" || name == "json_null") {
        Result<std::vector<std::string>> names = read_names(raw);
        if (!names.ok()) return names.status();
        (name == "unchanged"  ? body.unchanged
         : name == "oversize" ? body.oversize
                              : body.json_null) = std::move(*names);
    } else if (name == "truncate" || name == "ddl" || name == "message") {
        body.own = raw;
    } else if (name == "end_lsn") {
        const std::optional<Lsn> lsn = Lsn::parse(string_content(raw));
        if (!lsn) return malformed("end_lsn is not an LSN");
        body.end_lsn = *lsn;
    } else if (name == "events") {
        if (!read_number(raw, body.events)) return malformed("events is not a number");
    } else if (name == "tables") {
        body.tables = raw;
    } else if (name == "evidence_id") {
        body.evidence_id = string_content(raw);
    }
    return {};
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string_view>>> read_members(std::string_view object) {
    std::vector<std::pair<std::string, std::string_view>> members;
    if (object.size() < 2 || object.front() != '{' || object.back() != '}')
        return malformed("expected an object");
    for (std::size_t at = 1; object[at] != '}';) {
        const std::size_t name_end = skip_json_value(object, at);
        if (name_end == std::string_view::npos || object[at] != '"' || object.substr(name_end, 1) != ":") {
            return malformed("expected a member of an object");
        }
        const std::size_t value_end = skip_json_value(object, name_end + 1);
        if (value_end == std::string_view::npos || value_end >= object.size()) {
            return malformed("expected the value of a member");
        }
        members.emplace_back(unescape_json(string_content(object.substr(at, name_end - at))),
                             object.substr(name_end + 1, value_end - name_end - 1));
        at = value_end;
        if (object[at] == ',') ++at;
        if (at >= object.size()) return malformed("expected the end of an object");
    }
    return members;
}

Result<EventBody> read_body(const Event& event) {
    // The head reader stopped after `key`; what follows are members of the same object.
    const std::string_view line = event.line;
    const std::size_t head_end =
        event.key.empty() ? line.find(R"(,"key":null)") + sizeof(R"(,"key":null)") - 1
                          : static_cast<std::size_t>(event.key.data() + event.key.size() - line.data());
    if (head_end >= line.size() || line.back() != '}') return malformed("expected the fields after the head");
    EventBody body;
    for (std::size_t at = head_end; line[at] == ',';) {
        const std::size_t name_end = skip_json_value(line, at + 1);
        if (name_end == std::string_view::npos || line.substr(name_end, 1) != ":")
            return malformed("expected a field");
        const std::size_t value_end = skip_json_value(line, name_end + 1);
        if (value_end == std::string_view::npos || value_end >= line.size())
            return malformed("expected a value");
        const std::string_view name = string_content(line.substr(at + 1, name_end - at - 1));
        CDC_RETURN_IF_ERROR(read_field(body, name, line.substr(name_end + 1, value_end - name_end - 1)));
        at = value_end;
        const bool ended = line[at] == '}' && at + 1 == line.size();
        if (!ended && line[at] != ',') return malformed("expected the end of the line");
    }
    if (body.evidence_id.empty()) return malformed("evidence_id is missing");
    return body;
}

}  // namespace cdc
