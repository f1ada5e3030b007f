#include "incremental/run_progress.h"

#include "base/number.h"
#include "envelope/event_reader.h"
#include "envelope/member_reader.h"
#include "incremental/chunk_window.h"

namespace cdc::incremental {
namespace {

std::string text(std::string_view raw) {
    return raw.size() < 2 ? std::string() : unescape_json(raw.substr(1, raw.size() - 2));
}

}  // namespace

std::string to_json(const RunProgress& progress) {
    std::string again;
    for (const std::string& key : progress.again)
        again += (again.empty() ? "" : ",") + json_string(key);
    return "{\"signal\":" + std::to_string(progress.signal) + ",\"run\":" + json_string(progress.run) +
           ",\"form\":" + json_string(progress.form) + ",\"chunks\":" + std::to_string(progress.chunks) +
           ",\"rows\":" + std::to_string(progress.rows) + ",\"after\":" + json_string(progress.after) +
           ",\"again\":[" + again + "],\"from_start\":" + (progress.from_start ? "true" : "false") +
           ",\"done\":" + (progress.done ? "true" : "false") + "}";
}

Result<RunProgress> read_progress(std::string_view json) {
    RunProgress progress;
    MemberReader member(json);
    while (member.next()) {
        const std::string_view value = member.value();
        if (member.name() == "signal") progress.signal = leading_number<std::int64_t>(value);
        if (member.name() == "run") progress.run = text(value);
        if (member.name() == "chunks") progress.chunks = leading_number<std::int64_t>(value);
        if (member.name() == "rows") progress.rows = leading_number<std::int64_t>(value);
        if (member.name() == "form") progress.form = text(value);
        if (member.name() == "after") progress.after = text(value);
        if (member.name() == "from_start") progress.from_start = value == "true";
        if (member.name() == "done") progress.done = value == "true";
        if (member.name() != "again") continue;
        auto keys = read_texts(value);
        if (!keys.ok()) return keys.status();
        progress.again = std::move(*keys);
    }
    if (member.failed() || progress.signal == 0 || progress.run.empty())
        return Status::fatal("the stored progress of a snapshot is not such a one");
    return progress;
}

Result<std::vector<std::string>> read_texts(std::string_view json) {
    std::vector<std::string> texts;
    const Status malformed = Status::fatal("a key's values are not an array of strings");
    if (json.size() < 2 || json.front() != '[' || json.back() != ']') return malformed;
    for (std::size_t at = 1; json[at] != ']';) {
        if (json[at] == ',' || json[at] == ' ') {
            ++at;
            continue;
        }
        const std::size_t end = skip_json_value(json, at);
        if (end == std::string_view::npos || end >= json.size() || json[at] != '"') return malformed;
        texts.push_back(text(json.substr(at, end - at)));
        at = end;
    }
    return texts;
}

}  // namespace cdc::incremental
