#include "config/quantity.h"

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace cdc::config {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// Ascending, so that format takes the last one that divides.
constexpr std::array byte_units{Unit{"B", 1}, Unit{"KiB", 1u << 10}, Unit{"MiB", 1u << 20},
                                Unit{"GiB", 1u << 30}};
constexpr std::array time_units{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"min", 60'000}, Unit{"h", 3'600'000},
                                Unit{"d", 86'400'000}};

Quantity refuse(std::string_view what, std::string_view hint) {
    return {0, std::string(what), std::string(hint)};
}

Quantity parse(std::string_view text, std::span<const Unit> units, bool unit_needed, std::string_view what,
               std::string_view hint) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc::result_out_of_range) return refuse("is too large", hint);
    if (error != std::errc{}) return refuse(what, hint);
    std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
    if (unit.empty()) {
        if (unit_needed && number != 0) return refuse("has no unit", hint);
        return {number, {}, {}};
    }
    for (const Unit& known : units) {
        if (unit != known.name) continue;
        if (number > std::numeric_limits<std::int64_t>::max() / known.factor)
            return refuse("is too large", hint);
        return {number * known.factor, {}, {}};
    }
    return refuse(what, hint);
}

std::string format(std::uint64_t value, std::span<const Unit> units) {
    Unit best = units[0];
    for (const Unit& unit : units) {
        if (value != 0 && value % unit.factor == 0) best = unit;
    }
    return std::to_string(value / best.factor) + std::string(best.name);
}

}  // namespace

Quantity parse_number(std::string_view text) {
    return parse(text, {}, false, "is not a whole number", "write it without a unit, as in 10000");
}

Quantity parse_bytes(std::string_view text) {
    return parse(text, byte_units, false, "is not a size",
                 "write a whole number with B, KiB, MiB or GiB, as in 64MiB");
}

Quantity parse_duration(std::string_view text) {
    return parse(text, time_units, true, "is not a duration",
                 "write a whole number with ms, s, min, h or d, as in 30s");
}

std::string format_bytes(std::uint64_t bytes) {
    return format(bytes, byte_units);
}

std::string format_duration(std::uint64_t milliseconds) {
    return format(milliseconds, time_units);
}

}  // namespace cdc::config
