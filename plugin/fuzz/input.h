// What a target takes from its input, and what the plugin has to make of a text.
//
// Ownership: copies belong to the run, as all that is palloc'd (backend.h). Failure: none; an input that has
// ended gives zeros and empty texts.
#pragma once

#include <string>
#include <string_view>

namespace fuzz {

// What the plugin has to make of a text of the database's encoding, as UTF-8, by the contract in
// json_writer.h: written without a look at the plugin's code, one character after the other.
std::string expected_utf8(std::string_view text);

// A palloc'd copy of exactly this length, so that a read past its end is seen.
const char* exact_copy(std::string_view text);
// The same with a zero byte at its end.
const char* text(std::string_view text);

// An input, taken piece by piece from its front.
class Input {
  public:
    Input(const unsigned char* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
    // So many bytes as a number, the highest first; 0 where the input has ended.
    unsigned number(int bytes);
    // Up to the next occurrence of the separator, which is taken too; all that is left where there is none.
    std::string_view until(char separator);
    std::string_view rest() const { return rest_; }
    bool empty() const { return rest_.empty(); }

  private:
    std::string_view rest_;
};

}  // namespace fuzz
