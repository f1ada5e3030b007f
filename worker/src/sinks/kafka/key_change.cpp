#include "sinks/kafka/key_change.h"

#include <optional>
#include <string_view>
#include <vector>

#include "envelope/event_reader.h"

namespace cdc::kafka {
namespace {

// A member of a JSON object as it stands there: both raw, so that what is put together again has the same
// bytes.
struct Member {
    std::string_view name;  // with its quotes
    std::string_view value;
};

std::optional<std::vector<Member>> raw_members(std::string_view object) {
    std::vector<Member> members;
    if (object.size() < 2 || object.front() != '{' || object.back() != '}') return std::nullopt;
    for (std::size_t at = 1; at + 1 < object.size();) {
        const std::size_t colon = skip_json_value(object, at);
        if (object[at] != '"' || colon >= object.size() || object[colon] != ':') return std::nullopt;
        const std::size_t end = skip_json_value(object, colon + 1);
        if (end >= object.size()) return std::nullopt;
        members.push_back({object.substr(at, colon - at), object.substr(colon + 1, end - colon - 1)});
        at = end + (object[end] == ',' ? 1 : 0);
        if (object[end] != ',' && end + 1 != object.size()) return std::nullopt;
    }
    return members;
}

std::optional<std::string_view> value_of(const std::vector<Member>& members, std::string_view name) {
    for (const Member& member : members) {
        if (member.name == name) return member.value;
    }
    return std::nullopt;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
    if (out.size() > 1) out += ',';
    out.append(name).append(":").append(value);
}

// The entries of an array of names ("before.doc", "after.doc") that speak of the old image; empty for none.
std::string entries_of_before(std::string_view array) {
    std::string kept;
    for (std::size_t at = 1; at + 1 < array.size();) {
        const std::size_t end = skip_json_value(array, at);
        if (end == std::string_view::npos) break;
        const std::string_view entry = array.substr(at, end - at);
        if (entry.starts_with("\"before.")) kept.append(kept.empty() ? "" : ",").append(entry);
        at = end + 1;
    }
    return kept.empty() ? kept : "[" + kept + "]";
}

std::optional<std::string> old_key(std::string_view key, std::string_view before) {
    const auto columns = raw_members(key);
    const auto image = raw_members(before);
    if (!columns || !image) return std::nullopt;
    std::string out = "{";
    for (const Member& column : *columns) {
        const std::optional<std::string_view> value = value_of(*image, column.name);
        if (!value) return std::nullopt;
        append_member(out, column.name, *value);
    }
    return out + "}";
}

std::string derive_deletion(const Event& event, const std::vector<Member>& members, std::string_view key) {
    const std::string source_id = "\"" + std::string(event.old_source_id) + "\"";
    std::string out = "{";
    for (const Member& member : members) {
        if (member.name == "\"old_source_id\"" || member.name == "\"unchanged\"") continue;
        std::string_view value = member.value;
        std::string filtered;
        if (member.name == "\"source_id\"") value = source_id;
        if (member.name == "\"op_type\"") value = "\"d\"";
        if (member.name == "\"key\"") value = key;
        if (member.name == "\"after\"") value = "null";
        if (member.name == "\"oversize\"" || member.name == "\"json_null\"") {
            filtered = entries_of_before(value);
            if (filtered.empty()) continue;
            value = filtered;
        }
        append_member(out, member.name, value);
    }
    return out + "}";
}

}  // namespace

Result<KeyChange> split_key_change(const Event& event) {
    const auto members = raw_members(event.line);
    const auto before = members ? value_of(*members, "\"before\"") : std::nullopt;
    std::optional<std::string> key = before ? old_key(event.key, *before) : std::nullopt;
    if (!key) {
        return Status::fatal("the update with seq " + std::to_string(event.seq) + " of the transaction at " +
                                 event.commit_lsn.to_string() +
                                 " changed its row's key, but the old key is not in the envelope",
                             "the output plugin and cdc-worker must be of the same release");
    }
    std::string deletion = derive_deletion(event, *members, *key);
    return KeyChange{*std::move(key), std::move(deletion)};
}

}  // namespace cdc::kafka
