// Lsn: a WAL position of PostgreSQL (pg_lsn), printed as %X/%X. Zero is "none" (InvalidXLogRecPtr).
// Which position a variable holds is said by its name: commit_lsn is the start of the commit record, end_lsn
// the first byte after it. What is acknowledged and stored is always an end LSN. Thread: a plain value.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cdc {

struct Lsn {
    std::uint64_t value = 0;

    auto operator<=>(const Lsn&) const = default;
    explicit operator bool() const { return value != 0; }

    // "16/B374D848"; upper-case hex without leading zeros, as the server prints it (pg_lsn_out).
    std::string to_string() const;
    // Nothing where the text is not a pg_lsn (pg_lsn_in's rules: 1–8 hex digits on each side).
    static std::optional<Lsn> parse(std::string_view text);
};

}  // namespace cdc
