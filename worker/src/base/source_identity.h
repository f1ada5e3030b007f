// SourceIdentity: which database the events come from, as IDENTIFY_SYSTEM says it. A stored position means
// nothing without it: LSNs of two clusters, or of two timelines, can't be compared. Thread: plain value.
#pragma once

#include <cstdint>
#include <string>

namespace cdc {

struct SourceIdentity {
    std::string system_identifier;  // 64-bit number in decimal
    std::uint32_t timeline = 0;
    std::string database;
};

}  // namespace cdc
