#include "sinks/kafka/key_change.h"

#include <algorithm>
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

// The entries of an array of names, with their quotes.
std::vector<std::string_view> entries_of(std::string_view array) {
    std::vector<std::string_view> entries;
    for (std::size_t at = 1; at + 1 < array.size();) {
        const std::size_t end = skip_json_value(array, at);
        if (end == std::string_view::npos) break;
        entries.push_back(array.substr(at, end - at));
        at = end + 1;
    }
    return entries;
}

bool contains(const std::vector<std::string_view>& entries, std::string_view entry) {
    return std::find(entries.begin(), entries.end(), entry) != entries.end();
}

// One update, taken apart.
struct Update {
    std::vector<Member> members;  // of the whole envelope
    std::vector<Member> before;
    std::vector<Member> key;
    std::vector<std::string_view> oversize;
};

std::optional<Update> take_apart(const Event& event) {
    auto members = raw_members(event.line);
    const auto image = members ? value_of(*members, "\"before\"") : std::nullopt;
    auto before = image ? raw_members(*image) : std::nullopt;
    auto key = raw_members(event.key);
    if (!before || !key) return std::nullopt;
    const std::string_view oversize = value_of(*members, "\"oversize\"").value_or("[]");
    return Update{*std::move(members), *std::move(before), *std::move(key), entries_of(oversize)};
}

enum class OldKey { there, none, missing };

OldKey read_old_key(const Update& update, std::string& out) {
    out = "{";
    for (const Member& column : update.key) {
        const std::optional<std::string_view> value = value_of(update.before, column.name);
        if (!value) return contains(update.oversize, column.name) ? OldKey::none : OldKey::missing;
        if (*value == "null") return OldKey::none;
        append_member(out, column.name, *value);
    }
    out += "}";
    return OldKey::there;
}

// Whether an entry of oversize (a column of either image) may speak of the old one: `before` lacks the column
// and is no mere identity, which would lack it anyhow.
bool oversize_in_before(const Update& update, std::string_view column) {
    return update.before.size() > update.key.size() && !value_of(update.before, column);
}

std::string filter(const Update& update, const Member& list) {
    std::string kept;
    for (const std::string_view entry : entries_of(list.value)) {
        const bool keep =
            list.name == "\"oversize\"" ? oversize_in_before(update, entry) : entry.starts_with("\"before.");
        if (keep) kept.append(kept.empty() ? "[" : ",").append(entry);
    }
    return kept.empty() ? kept : kept + "]";
}

std::string derive_deletion(const Event& event, const Update& update, std::string_view key) {
    const std::string source_id = "\"" + std::string(event.old_source_id) + "\"";
    std::string out = "{";
    for (const Member& member : update.members) {
        if (member.name == "\"old_source_id\"" || member.name == "\"unchanged\"") continue;
        std::string_view value = member.value;
        std::string filtered;
        if (member.name == "\"source_id\"") value = source_id;
        if (member.name == "\"op_type\"") value = "\"d\"";
        if (member.name == "\"key\"") value = key;
        if (member.name == "\"after\"") value = "null";
        if (member.name == "\"oversize\"" || member.name == "\"json_null\"") {
            filtered = filter(update, member);
            if (filtered.empty()) continue;
            value = filtered;
        }
        append_member(out, member.name, value);
    }
    return out + "}";
}

}  // namespace

Result<std::optional<KeyChange>> split_key_change(const Event& event) {
    if (event.key.empty()) return std::optional<KeyChange>{};
    const std::optional<Update> update = take_apart(event);
    KeyChange change;
    const OldKey found = update ? read_old_key(*update, change.old_key) : OldKey::missing;
    if (found == OldKey::missing) {
        return Status::fatal("the update with seq " + std::to_string(event.seq) + " of the transaction at " +
                                 event.commit_lsn.to_string() +
                                 " changed its row's key, but the old key is not in the envelope",
                             "the output plugin and cdc-worker must be of the same release");
    }
    if (found == OldKey::none) return std::optional<KeyChange>{};
    change.deletion = derive_deletion(event, *update, change.old_key);
    return std::optional(std::move(change));
}

}  // namespace cdc::kafka
