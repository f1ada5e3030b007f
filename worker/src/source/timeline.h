// Timelines: what a promotion does to positions. Each promotion begins a new timeline, which shares the WAL
// of the one before up to a point and then goes its own way, so that an LSN behind that point means another
// thing on each: a position is (timeline, LSN), the timeline being its epoch. The history file, which the
// server hands out (TIMELINE_HISTORY, PostgreSQL protocol-replication.sgml), says where each was left.
//
// Owner: the caller. Thread: plain values and pure functions. Failure: fatal where a position is not in the
// server's history.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/lsn.h"
#include "base/status.h"
#include "source/start_position.h"

namespace cdc::source {

class TimelineHistory {
  public:
    // Of a timeline that has no earlier one (1), or whose file was not asked for.
    TimelineHistory() = default;
    // The content of a history file: "parent timeline, LSN, reason" in each line that is neither empty nor a
    // comment (PostgreSQL timeline.c, readTimeLineHistory). Nothing where it is none.
    static std::optional<TimelineHistory> parse(std::string_view content);

    // The first LSN that is not of this timeline any more; nothing where it is no ancestor.
    std::optional<Lsn> left_at(std::uint32_t timeline) const;

  private:
    std::map<std::uint32_t, Lsn> left_at_;
};

// Takes a stored position of an earlier timeline over to the server's: everything that was delivered is in
// the server's history, so that the position is the stored one or, where that was on WAL without commits
// which the new timeline does not have, the point at which the old one was left. Refused where more was
// delivered than the server ever had. A position of this timeline, or of another system, stays as it is.
Status follow_timeline(const SourceIdentity& server, const TimelineHistory& history, SinkPosition& position);

// Whether follow_timeline needs the history for one of them.
bool needs_history(const SourceIdentity& server, const std::vector<SinkPosition>& positions);

}  // namespace cdc::source
