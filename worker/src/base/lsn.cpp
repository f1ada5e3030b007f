#include "base/lsn.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace cdc {
namespace {

std::optional<std::uint32_t> parse_half(std::string_view text) {
    if (text.empty() || text.size() > 8) return std::nullopt;
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

std::string Lsn::to_string() const {
    std::array<char, 18> text;
    const int length = std::snprintf(text.data(), text.size(), "%X/%X", static_cast<unsigned>(value >> 32),
                                     static_cast<unsigned>(value));
    return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<Lsn> Lsn::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const std::optional<std::uint32_t> high = parse_half(text.substr(0, slash));
    const std::optional<std::uint32_t> low = parse_half(text.substr(slash + 1));
    if (!high || !low) return std::nullopt;
    return Lsn{std::uint64_t{*high} << 32 | *low};
}

}  // namespace cdc
