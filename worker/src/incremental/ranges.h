// Ranges: a set of whole numbers (pages of a table, ids of requests) as ranges that neither touch nor
// overlap. Thread: plain value.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace cdc::incremental {

class Ranges {
  public:
    // Of a range without an upper bound.
    static constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();

    struct Range {
        std::int64_t first = 0;
        std::int64_t end = 0;  // the first number behind it
        bool operator==(const Range&) const = default;
    };

    // Adds [first, end); what is there already is no error.
    void add(std::int64_t first, std::int64_t end);
    bool contains(std::int64_t number) const;
    bool empty() const { return ranges_.empty(); }
    // Whether it is every number from 0 on.
    bool whole() const { return ranges_ == std::vector<Range>{{0, no_end}}; }
    const std::vector<Range>& ranges() const { return ranges_; }  // in order

    bool operator==(const Ranges&) const = default;

  private:
    std::vector<Range> ranges_;
};

// What both have.
Ranges common(const Ranges& a, const Ranges& b);

// "0-165,332-": first and last number of each range, the last one's left out where it has no end.
std::string to_text(const Ranges& ranges);
// Fatal where it is not what to_text writes.
Result<Ranges> read_ranges(std::string_view text);

}  // namespace cdc::incremental
