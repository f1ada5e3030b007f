// What the worker's fuzz targets share. Thread: the fuzzer's only one. Failure: an oracle that does not hold
// ends the process, and the fuzzer keeps the input.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fuzz {

inline void expect(bool holds, const char* oracle) {
    if (holds) return;
    std::fprintf(stderr, "oracle does not hold: %s\n", oracle);
    std::abort();
}

// An empty view is within anything: readers give one for null.
inline bool within(std::string_view part, std::string_view whole) {
    return part.empty() ||
           (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace fuzz
