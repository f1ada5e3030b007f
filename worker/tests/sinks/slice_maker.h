// slice_maker: envelopes and Slices for the sinks' tests, in the bytes of docs/envelope.md and read by the
// real head reader, so that a test can't hand a sink what the plugin could never send. Owner: whoever calls.
// Thread: pure functions. Failure: a malformed line ends the test program with the reader's message.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_budget.h"
#include "base/lsn.h"
#include "envelope/event_reader.h"
#include "envelope/slice.h"

namespace cdc::test {

// One row event (or t, s, m by `own`); commit_lsn, xid and seq come from make_transaction.
struct Row {
    Op op = Op::insert;
    std::string schema = "public";  // JSON string content
    std::string table = "orders";   // JSON string content
    std::string source_id;          // "": made of schema, table and id
    std::string old_source_id;
    std::string id = "1";  // PK component of the source_id
    std::string key;       // raw JSON object or null; "": {"id":<id>}
    std::string before = "null";
    std::string after = "null";
    std::string extra;  // raw members between after and evidence_id: ,"unchanged":["doc"]
    int schema_version = 1;
};

inline Row make_row(Op op, std::string id, std::string before, std::string after) {
    Row made;
    made.op = op;
    made.id = std::move(id);
    made.before = std::move(before);
    made.after = std::move(after);
    return made;
}

inline std::string evidence() {
    return R"("evidence_id":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"})";
}

// commit_lsn, xid and seq as raw JSON ("null" where the event has none).
inline std::string to_line(const Row& row, Lsn commit_lsn, const std::string& xid, const std::string& seq) {
    const std::string source_id =
        row.source_id.empty() ? "pg://c/db/" + row.schema + "." + row.table + "/PK:" + row.id : row.source_id;
    const std::string key = row.key.empty() ? "{\"id\":" + row.id + "}" : row.key;
    std::string line = "{\"source_id\":\"" + source_id + "\"";
    if (!row.old_source_id.empty()) line += ",\"old_source_id\":\"" + row.old_source_id + "\"";
    line += ",\"schema_version\":" + std::to_string(row.schema_version) + ",\"op_type\":\"" +
            static_cast<char>(row.op) + "\",\"ts_source\":\"2026-02-07T05:55:21.123456Z\",\"commit_lsn\":\"" +
            commit_lsn.to_string() + "\",\"xid\":" + xid + ",\"seq\":" + seq;
    const bool tableless = row.op == Op::message;
    line += tableless ? std::string(R"(,"schema":null,"table":null)")
                      : ",\"schema\":\"" + row.schema + "\",\"table\":\"" + row.table + "\"";
    line += ",\"key\":" + key + ",\"before\":" + row.before + ",\"after\":" + row.after + row.extra + ",";
    return line + evidence();
}

inline std::string boundary_line(Op op, Lsn commit_lsn, std::uint32_t xid, const std::string& own) {
    return R"({"source_id":"pg://c/db","schema_version":0,"op_type":")" +
           std::string(1, static_cast<char>(op)) +
           R"(","ts_source":"2026-02-07T05:55:21.123456Z","commit_lsn":")" + commit_lsn.to_string() +
           R"(","xid":)" + std::to_string(xid) +
           R"(,"seq":null,"schema":null,"table":null,"key":null,"before":null,"after":null,)" + own +
           evidence();
}

// {"public.orders":2}: the member of the e event. Names as JSON string content.
inline std::string counts_by_table(const std::vector<Row>& rows) {
    std::map<std::string, int> counts;
    for (const Row& row : rows) {
        if (row.op != Op::message) ++counts[row.schema + "." + row.table];
    }
    std::string text;
    for (const auto& [table, count] : counts)
        text += (text.empty() ? "{\"" : ",\"") + table + "\":" + std::to_string(count);
    return text.empty() ? "{}" : text + "}";
}

// A slice of these lines; budget, where given, is charged for its bytes until the last holder lets go.
inline std::shared_ptr<Slice> make_slice(SliceKind kind, const std::vector<std::string>& lines,
                                         ByteBudget* budget = nullptr) {
    auto slice = std::make_shared<Slice>();
    slice->kind = kind;
    for (const std::string& line : lines)
        slice->bytes += (slice->bytes.empty() ? "" : "\n") + line;
    std::string_view rest = slice->bytes;
    for (const std::string& line : lines) {
        const Result<Event> event = read_event(rest.substr(0, line.size()));
        if (!event.ok()) {
            std::fprintf(stderr, "slice_maker: %s in %s\n", event.status().to_string().c_str(), line.c_str());
            std::abort();
        }
        slice->events.push_back(*event);
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    }
    if (!slice->events.empty()) {
        slice->commit_lsn = slice->events.front().commit_lsn;
        slice->xid = slice->events.front().xid;
    }
    if (budget != nullptr) slice->lease = budget->take(slice->bytes.size());
    return slice;
}

// A whole transaction in `slices` slices: b, the rows in their order with seq from 0, e.
inline std::vector<SlicePtr> make_transaction(Lsn commit_lsn, Lsn end_lsn, const std::vector<Row>& rows,
                                              std::size_t slices = 1, ByteBudget* budget = nullptr) {
    constexpr std::uint32_t xid = 741;
    std::vector<std::string> lines = {boundary_line(Op::begin, commit_lsn, xid, "")};
    for (std::size_t seq = 0; seq < rows.size(); ++seq)
        lines.push_back(to_line(rows[seq], commit_lsn, std::to_string(xid), std::to_string(seq)));
    lines.push_back(boundary_line(Op::end, commit_lsn, xid,
                                  "\"end_lsn\":\"" + end_lsn.to_string() +
                                      "\",\"events\":" + std::to_string(rows.size()) +
                                      ",\"tables\":" + counts_by_table(rows) + ","));
    std::vector<SlicePtr> made;
    for (std::size_t at = 0, part = 0; part < slices; ++part) {
        const std::size_t end = lines.size() * (part + 1) / slices;
        std::shared_ptr<Slice> slice = make_slice(SliceKind::transaction,
                                                  {lines.begin() + static_cast<std::ptrdiff_t>(at),
                                                   lines.begin() + static_cast<std::ptrdiff_t>(end)},
                                                  budget);
        slice->first = part == 0;
        slice->last = part + 1 == slices;
        if (slice->last) slice->end_lsn = end_lsn;
        made.push_back(std::move(slice));
        at = end;
    }
    return made;
}

// Rows read by a snapshot at consistent_point: op r, without xid and seq.
inline SlicePtr make_snapshot(Lsn consistent_point, std::vector<Row> rows, ByteBudget* budget = nullptr) {
    std::vector<std::string> lines;
    for (Row& row : rows) {
        row.op = Op::read;
        lines.push_back(to_line(row, consistent_point, "null", "null"));
    }
    std::shared_ptr<Slice> slice = make_slice(SliceKind::snapshot, lines, budget);
    slice->commit_lsn = consistent_point;
    return slice;
}

}  // namespace cdc::test
