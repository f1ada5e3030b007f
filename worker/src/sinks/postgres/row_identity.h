// What a source_id says, and the one of a row without a key: its table's, and the SHA-256 of the row's image
// as the envelope has it (docs/envelope.md, source_id "ROW:"). Thread: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace cdc::projection {

// source_id: of any event of the table; image: the raw JSON object. An update changes which image a row has:
// its old one finds the stored row, its new one is what the next change will look for.
std::string row_identity(std::string_view source_id, std::string_view image);

// "public.orders" of "pg://cluster/db/public.orders" (a table's source_id, or with anything behind it): the
// component as it stands there, percent-encoded.
std::string_view source_table(std::string_view source_id);
// The source_id of a table, of unquoted names in UTF-8: every byte but RFC 3986's unreserved ones as %XX.
std::string table_source_id(std::string_view cluster, std::string_view database, std::string_view schema,
                            std::string_view table);

}  // namespace cdc::projection
