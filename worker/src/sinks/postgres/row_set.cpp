#include "sinks/postgres/row_set.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace cdc::projection {
namespace {

std::int32_t read_int32(std::string_view data, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
        value = value << 8 | static_cast<unsigned char>(data[at + i]);
    return static_cast<std::int32_t>(value);
}

}  // namespace

Status RowSet::append(std::string_view image, const Event& event, const ImageOptions& options) {
    Row row;
    CDC_RETURN_IF_ERROR(encode(row, image, event, options));
    rows_.push_back(row);
    return {};
}

Status RowSet::replace(std::size_t at, std::string_view image, const Event& event,
                       const ImageOptions& options) {
    return encode(rows_[at], image, event, options);
}

// As JSON it gets the two members again: where a name comes twice, json_to_recordset takes the last
// (PostgreSQL docs, datatype-json).
void RowSet::bury(std::size_t at, const Event& event) {
    Row& row = rows_[at];
    row.seq = event.seq;
    row.origin = -origin_of(event);
    if (table_->as_arrays) return;
    const std::string living = data_.substr(row.begin, row.end - row.begin - 1);
    row.begin = data_.size();
    data_ +=
        living + ",\"_seq\":" + std::to_string(row.seq) + ",\"_origin\":" + std::to_string(row.origin) + "}";
    row.end = data_.size();
}

Status RowSet::encode(Row& row, std::string_view image, const Event& event, const ImageOptions& options) {
    row.begin = data_.size();
    row.seq = event.seq;
    row.origin = keys_only_ ? 0 : origin_of(event);
    if (table_->as_arrays) {
        CDC_RETURN_IF_ERROR(encode_values(image, options));
        if (!keys_only_)
            append_element(data_, options.source_id.empty() ? event.source_id : options.source_id);
    } else {
        ImageOptions with_origin = options;
        with_origin.origin = row.origin;
        CDC_RETURN_IF_ERROR(append_row(data_, *table_, event, image, with_origin));
    }
    row.end = data_.size();
    return {};
}

Status RowSet::encode_values(std::string_view image, const ImageOptions& options) {
    CDC_RETURN_IF_ERROR(image_.read(*table_, columns_, image, options));
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (const std::optional<std::string_view> text = image_.text(i)) {
            append_element(data_, *text);
        } else {
            append_null(data_);
        }
    }
    return {};
}

// Rows come in the order of their transactions: it is the last origin or a new one.
std::int32_t RowSet::origin_of(const Event& event) {
    if (origins_.empty() || origins_.back().commit_lsn != event.commit_lsn ||
        origins_.back().ts_source != event.ts_source) {
        origins_.push_back({event.commit_lsn, std::string(event.ts_source)});
    }
    return static_cast<std::int32_t>(origins_.size());
}

std::vector<Parameter> RowSet::origins() const {
    ArrayLiteral lsns, times;
    for (const Origin& origin : origins_) {
        lsns.append(origin.commit_lsn.to_string());
        if (origin.ts_source.empty()) {
            times.append_null();
        } else {
            times.append(origin.ts_source);
        }
    }
    return {lsns.take(), times.take()};
}

std::vector<Parameter> RowSet::take_rows() {
    std::vector<Parameter> parameters =
        table_->as_arrays ? take_arrays() : std::vector<Parameter>{take_json()};
    data_.clear();
    rows_.clear();
    origins_.clear();
    return parameters;
}

Parameter RowSet::take_json() {
    std::string rows;
    rows.reserve(data_.size() + rows_.size() + 2);
    rows += '[';
    for (const Row& row : rows_) {
        if (rows.size() > 1) rows += ',';
        rows.append(data_, row.begin, row.end - row.begin);
    }
    return rows + ']';
}

std::vector<Parameter> RowSet::take_arrays() {
    std::vector<Parameter> parameters;
    std::vector<std::size_t> places;  // in each row, where its next value begins
    for (const Row& row : rows_)
        places.push_back(row.begin);
    for (const std::size_t column : columns_)
        parameters.push_back(take_column(table_->columns[column], places));
    if (keys_only_) return parameters;
    static const ProjectionColumn source_id{};
    parameters.push_back(take_column(source_id, places));
    std::string seqs = array_head(int8_oid, rows_.size());
    std::string origins = array_head(int4_oid, rows_.size());
    for (const Row& row : rows_) {
        if (row.seq < 0) {
            append_null(seqs);
        } else {
            append_int32(seqs, 8);
            append_int64(seqs, row.seq);
        }
        append_int32(origins, 4);
        append_int32(origins, row.origin);
    }
    parameters.push_back(Parameter::of_binary(std::move(seqs)));
    parameters.push_back(Parameter::of_binary(std::move(origins)));
    return parameters;
}

Parameter RowSet::take_column(const ProjectionColumn& column, std::vector<std::size_t>& places) const {
    std::string binary = array_head(text_oid, rows_.size());
    ArrayLiteral literal;
    for (std::size_t& place : places) {
        const std::int32_t length = read_int32(data_, place);
        const std::size_t size = 4 + static_cast<std::size_t>(std::max(length, 0));
        if (column.from == ColumnFrom::text) {
            binary.append(data_, place, size);
        } else if (length < 0) {
            literal.append_null();
        } else {
            literal.append(std::string_view(data_).substr(place + 4, size - 4));
        }
        place += size;
    }
    return column.from == ColumnFrom::text ? Parameter::of_binary(std::move(binary)) : literal.take();
}

}  // namespace cdc::projection
