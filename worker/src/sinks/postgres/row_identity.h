// The source_id of a row without a key: its table's, and the SHA-256 of the row's image as the envelope has
// it (docs/envelope.md, source_id "ROW:"). Thread: a pure function.
#pragma once

#include <string>
#include <string_view>

namespace cdc::projection {

// source_id: of any event of the table; image: the raw JSON object. An update changes which image a row has:
// its old one finds the stored row, its new one is what the next change will look for.
std::string row_identity(std::string_view source_id, std::string_view image);

}  // namespace cdc::projection
