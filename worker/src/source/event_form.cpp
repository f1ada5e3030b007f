#include "source/event_form.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "base/log.h"

namespace cdc::source {
namespace {

constexpr const char* choice_word = "choice";

// A value within the line: its blanks would end the word.
std::string word(const std::string& name, const std::string& value) {
    std::string text = " " + name + "=";
    for (const char c : value)
        text += c == ' ' ? '_' : c;
    return text;
}

// A list may be long, and only whether it is the same matters (FNV-1a, 64 bits).
std::string fingerprint(std::vector<std::string> items) {
    std::ranges::sort(items);
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const std::string& item : items) {
        for (const char c : item + '\n')
            hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    char digits[17];
    std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(hash));
    return digits;
}

std::vector<std::string> words_of(const std::string& form) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < form.size();) {
        const std::size_t end = std::min(form.find(' ', at), form.size());
        if (end > at) words.push_back(form.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

}  // namespace

Result<ServerForm> server_form(pq::Connection& sql) {
    // The plugin's own default of `cluster` (docs/envelope.md, "Options").
    auto rows = sql.query(
        "SELECT coalesce((SELECT extversion FROM pg_extension WHERE extname = 'cdc_envelope'), ''), "
        "current_setting('cluster_name')");
    if (!rows.ok()) return rows.status().in("reading the extension's version");
    return ServerForm{std::string(rows->text(0, 0)), std::string(rows->text(0, 1))};
}

std::string event_form(const config::Source& source, const ServerForm& server) {
    std::string form = "extension=" + server.extension;
    form += word("cluster", source.cluster.empty() ? server.cluster : source.cluster);
    form += word("evidence", source.evidence);
    form += word("partition", source.partition);
    form += word("int8", source.int8);
    form += word("json", source.json);
    form += word("max_value_bytes", std::to_string(source.max_value_bytes));
    form += word("masks", source.masks.empty() ? "none" : fingerprint(source.masks));
    std::vector<std::string> choice = {"messages " + source.messages, "origin " + source.origin};
    for (const std::string& table : source.include_tables)
        choice.push_back("include " + table);
    for (const std::string& table : source.exclude_tables)
        choice.push_back("exclude " + table);
    for (const std::string& publication : source.publication_names)
        choice.push_back("publication " + publication);
    form += word(choice_word, fingerprint(std::move(choice)));
    return form;
}

std::string form_difference(const std::string& now, const std::string& before, Choice choice) {
    const std::vector<std::string> words = words_of(now), old_words = words_of(before);
    std::string text;
    for (const std::string& changed : words) {
        if (std::ranges::find(old_words, changed) != old_words.end()) continue;
        const std::string name = changed.substr(0, changed.find('=') + 1);
        if (choice == Choice::does_not && name == std::string(choice_word) + "=") continue;
        const auto old = std::ranges::find_if(
            old_words, [&](const std::string& other) { return other.starts_with(name); });
        text += (text.empty() ? "" : ", ") + changed;
        if (old != old_words.end()) text += " instead of " + *old;
    }
    return text;
}

Status check_form(const std::string& form, config::OnFormChange on_change,
                  const std::vector<SinkPosition>& positions) {
    for (const SinkPosition& position : positions) {
        if (!position.stored || !position.stored->streaming || position.stored->form.empty()) continue;
        const bool in_a_transaction = position.stored->delivered_lsn >= position.stored->end_lsn;
        const std::string difference = form_difference(form, position.stored->form,
                                                       in_a_transaction ? Choice::counts : Choice::does_not);
        if (difference.empty()) continue;
        const std::string what =
            "sink " + position.sink + ": events would have other bytes than those that it has: " + difference;
        if (on_change == config::OnFormChange::accept) {
            log_warning("{}", what);
            continue;
        }
        return Status::fatal(
            what,
            "set it back; or begin again with a snapshot, after which all are of one form; or, "
            "where the readers can take both, source.on_form_change: accept for one start");
    }
    return {};
}

}  // namespace cdc::source
