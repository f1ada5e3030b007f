// The head reader: one envelope line to an Event, without parsing the row images.
//
// It relies on what docs/envelope.md promises: fixed field order, no insignificant whitespace, one line.
// Anything else is an error, not a guess. The cost depends on the head's length only (source_id, names, key).
// Thread: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "envelope/event.h"

namespace cdc {

// The views of the event point into `line`. Fatal where the line is not an envelope's head; the message says
// at which byte and what was expected, never the row's values.
Result<Event> read_event(std::string_view line);

// The end of the JSON value that begins at text[at] (strings, numbers, literals, objects, arrays): the index
// of the first byte after it, or npos where the text ends before the value does. Checks brackets, strings and
// the characters of scalars, no more.
std::size_t skip_json_value(std::string_view text, std::size_t at);

// The content of a JSON string (escapes kept, as in Event::table) as plain UTF-8 text.
std::string unescape_json(std::string_view content);

// ts_source as µs since 1970-01-01 UTC; fatal where it is not "YYYY-MM-DDTHH:MM:SS.ffffffZ".
Result<std::int64_t> parse_timestamp_us(std::string_view text);

}  // namespace cdc
