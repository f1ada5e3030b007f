// "Did you mean": the known word nearest to one that was mistyped. Thread: pure function.
#pragma once

#include <span>
#include <string_view>

namespace cdc::config {

// The candidate with the fewest edits (insert, remove, replace, swap of neighbours) to word; empty where all
// are further away than a slip of the finger: more than a third of the word.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace cdc::config
