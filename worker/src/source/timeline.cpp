#include "source/timeline.h"

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "source/slot_errors.h"

namespace cdc::source {
namespace {

bool is_behind(const SourceIdentity& server, const SinkPosition& position) {
    return position.stored && position.stored->streaming &&
           position.stored->system_identifier == server.system_identifier &&
           position.stored->timeline < server.timeline;
}

// The next run of characters that are no blanks.
std::string_view next_word(std::string_view& line) {
    const std::size_t from = std::min(line.find_first_not_of(" \t"), line.size());
    const std::size_t to = std::min(line.find_first_of(" \t", from), line.size());
    const std::string_view word = line.substr(from, to - from);
    line.remove_prefix(to);
    return word;
}

}  // namespace

std::optional<TimelineHistory> TimelineHistory::parse(std::string_view content) {
    TimelineHistory history;
    while (!content.empty()) {
        std::string_view line = content.substr(0, content.find('\n'));
        content.remove_prefix(std::min(line.size() + 1, content.size()));
        const std::string_view parent = next_word(line);
        if (parent.empty() || parent.front() == '#') continue;
        std::uint32_t timeline = 0;
        const auto read = std::from_chars(parent.data(), parent.data() + parent.size(), timeline);
        const std::optional<Lsn> left = Lsn::parse(next_word(line));
        if (read.ec != std::errc{} || read.ptr != parent.data() + parent.size() || !left) return std::nullopt;
        history.left_at_[timeline] = *left;
    }
    return history;
}

std::optional<Lsn> TimelineHistory::left_at(std::uint32_t timeline) const {
    const auto found = left_at_.find(timeline);
    return found == left_at_.end() ? std::nullopt : std::optional(found->second);
}

bool needs_history(const SourceIdentity& server, const std::vector<SinkPosition>& positions) {
    return std::ranges::any_of(positions,
                               [&](const SinkPosition& position) { return is_behind(server, position); });
}

Status follow_timeline(const SourceIdentity& server, const TimelineHistory& history, SinkPosition& position) {
    if (!is_behind(server, position)) return {};
    SinkPosition::Stored& stored = *position.stored;
    const std::string where = "sink " + position.sink + ": its position " + stored.end_lsn.to_string() +
                              " is of timeline " + std::to_string(stored.timeline);
    const std::optional<Lsn> left = history.left_at(stored.timeline);
    if (!left) {
        return Status::fatal(where + ", which is not in the history of the source's timeline " +
                                 std::to_string(server.timeline),
                             std::string("the source is no descendant of the server that was streamed from: "
                                         "check the dsn; for this server: ") +
                                 begin_again);
    }
    if (stored.delivered_lsn >= *left) {
        return Status::fatal(
            where + " and it has the transaction at " + stored.delivered_lsn.to_string() +
                ", but the source left that timeline at " + left->to_string() +
                ": a standby was promoted that had not received what was delivered",
            std::string("the sink holds commits that the source does not have; synchronous replication, or "
                        "synchronized_standby_slots, keeps that from happening; ") +
                begin_again);
    }
    log_info("{}; the source went on from there at {} on timeline {}", where, left->to_string(),
             server.timeline);
    stored.end_lsn = std::min(stored.end_lsn, *left);
    stored.timeline = server.timeline;
    return {};
}

}  // namespace cdc::source
