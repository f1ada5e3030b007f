// DeadLetter: what is kept with an event that a sink's target refuses for good, where the configuration says
// on_reject: park. The event itself is kept whole, in the bytes in which it came; this says why it is not
// where it belongs. Each sink keeps it in its own way: kafka as headers of a message in its dead-letter
// topic. Thread: plain value.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/lsn.h"

namespace cdc {

struct DeadLetter {
    std::string error;  // why it was refused; never a value of the event
    Lsn commit_lsn;
    std::int64_t seq = -1;  // -1 where the event has none
    std::string place;      // the topic or table that refused it

    // Name and text of each part, for headers or columns.
    std::vector<std::pair<std::string, std::string>> parts(const std::string& place_name) const {
        return {{"error", error},
                {"commit_lsn", commit_lsn.to_string()},
                {"seq", seq < 0 ? "null" : std::to_string(seq)},
                {place_name, place}};
    }
};

}  // namespace cdc
