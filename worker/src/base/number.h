// Numbers from text that a server or this worker has written. Owner: nobody. Thread: pure functions.
#pragma once

#include <charconv>
#include <string_view>
#include <system_error>

namespace cdc {

// The number that the text begins with; 0 where it begins with none.
template <typename Number>
Number leading_number(std::string_view text) {
    Number value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

// False where the text is anything but a number; value is then of no use.
template <typename Number>
bool read_number(std::string_view text, Number& value) {
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

}  // namespace cdc
