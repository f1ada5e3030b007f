// Quantities: sizes in bytes and durations as a person writes them ("64MiB", "30s"), and back.
// Thread: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cdc::config {

// A number, or why there is none.
struct Quantity {
    std::uint64_t value = 0;
    std::string error;  // "is not a size", "has no unit", …; empty: value holds
    std::string hint;
};

// A whole number alone.
Quantity parse_number(std::string_view text);

// Bytes: a whole number alone or with B, KiB, MiB or GiB. kB and MB are refused: they mean powers of 1024 to
// PostgreSQL and powers of 1000 to others.
Quantity parse_bytes(std::string_view text);

// Milliseconds: a whole number with ms, s, min, h or d (PostgreSQL's units); only 0 needs none.
Quantity parse_duration(std::string_view text);

// The shortest text that reads back exactly: "64MiB", "100B"; "30s", "1500ms".
std::string format_bytes(std::uint64_t bytes);
std::string format_duration(std::uint64_t milliseconds);

}  // namespace cdc::config
