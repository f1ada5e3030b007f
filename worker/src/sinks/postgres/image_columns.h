// ImageColumns: the values of one row image, found by the columns of its table. What RowSet and CopyRows make
// their rows of. Owner: either; the values are views into the last image. Thread: one. Failure: fatal where
// an image is not a JSON object.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "sinks/postgres/projection_table.h"
#include "sinks/postgres/row_json.h"

namespace cdc::projection {

class ImageColumns {
  public:
    // columns: indexes into table.columns, of those that are looked for.
    Status read(const ProjectionTable& table, const std::vector<std::size_t>& columns, std::string_view image,
                const ImageOptions& options);

    // The value of columns[i] as the text that its type reads, nullopt for NULL. Holds until the next call of
    // text or read.
    std::optional<std::string_view> text(std::size_t i);

  private:
    struct Value {
        std::string_view raw;  // empty where the image does not have the column
        bool null = true;
        bool document = false;  // goes as the JSON that it is
    };

    std::vector<Value> values_;
    std::string unescaped_;
};

}  // namespace cdc::projection
