#include "incremental/first_snapshot.h"

#include <vector>

#include "base/number.h"
#include "envelope/member_reader.h"
#include "incremental/chunk_window.h"
#include "incremental/run_progress.h"

namespace cdc::incremental {
namespace {

// Of a JSON string that holds no escapes.
std::string_view unquoted(std::string_view raw) {
    return raw.size() < 2 ? std::string_view() : raw.substr(1, raw.size() - 2);
}

// "17 16384 0-165": request, file, pages.
bool read_table(std::string_view text, FirstSnapshotProgress& progress) {
    const std::size_t first = text.find(' ');
    const std::size_t second = first == std::string_view::npos ? first : text.find(' ', first + 1);
    if (second == std::string_view::npos) return false;
    std::int64_t id = 0;
    FirstSnapshotProgress::Table table;
    auto pages = read_ranges(text.substr(second + 1));
    if (!pages.ok() || !read_number(text.substr(0, first), id) ||
        !read_number(text.substr(first + 1, second - first - 1), table.filenode))
        return false;
    table.pages = std::move(*pages);
    return progress.tables.emplace(id, std::move(table)).second;
}

}  // namespace

std::string to_json(const DeliveredPages& delivered) {
    return "{\"xmin\":" + std::to_string(delivered.xmin) +
           ",\"filenode\":" + std::to_string(delivered.filenode) +
           ",\"pages\":" + json_string(to_text(delivered.pages)) + "}";
}

Result<DeliveredPages> read_delivered(std::string_view json) {
    DeliveredPages delivered;
    bool ok = true;
    MemberReader member(json);
    while (member.next()) {
        if (member.name() == "xmin") ok = ok && read_number(member.value(), delivered.xmin);
        if (member.name() == "filenode") ok = ok && read_number(member.value(), delivered.filenode);
        if (member.name() != "pages") continue;
        auto pages = read_ranges(unquoted(member.value()));
        if (!pages.ok()) return pages.status();
        delivered.pages = std::move(*pages);
    }
    if (member.failed() || !ok || delivered.xmin == 0 || delivered.pages.empty())
        return Status::fatal("what a first snapshot has delivered is not stored as it should be");
    return delivered;
}

std::string delivered_condition(const DeliveredPages& delivered) {
    const auto page = [](std::int64_t number) { return "'(" + std::to_string(number) + ",0)'::tid"; };
    std::string pages;
    for (const Ranges::Range& range : delivered.pages.ranges()) {
        pages += (pages.empty() ? "" : " OR ") + std::string("\"row\".ctid >= ") + page(range.first);
        if (range.end != Ranges::no_end) pages += " AND \"row\".ctid < " + page(range.end);
    }
    // age() counts modulo 2^32, and takes the ids of before all transactions for infinitely old.
    const auto xmin = std::to_string(static_cast<std::uint32_t>(delivered.xmin));
    return "(" + pages + ") AND age(\"row\".xmin) > age('" + xmin + "'::xid)";
}

bool still_told_apart(const DeliveredPages& delivered, std::int64_t filenode, std::uint64_t next_xid) {
    // Less than 2^31 by as much as can be assigned while a chunk is read.
    constexpr std::uint64_t furthest = 2'000'000'000;
    return filenode == delivered.filenode && next_xid >= delivered.xmin &&
           next_xid - delivered.xmin < furthest;
}

std::string to_json(const FirstSnapshotProgress& progress) {
    std::string tables;
    for (const auto& [id, table] : progress.tables) {
        const std::string text =
            std::to_string(id) + " " + std::to_string(table.filenode) + " " + to_text(table.pages);
        tables += (tables.empty() ? "" : ",") + json_string(text);
    }
    return "{\"snapshot\":" + json_string(progress.point.to_string()) +
           ",\"xmin\":" + std::to_string(progress.xmin) + ",\"before\":" + std::to_string(progress.before) +
           ",\"done\":" + json_string(to_text(progress.done)) + ",\"tables\":[" + tables + "]}";
}

Result<FirstSnapshotProgress> read_first_snapshot(std::string_view json) {
    FirstSnapshotProgress progress;
    bool ok = true;
    MemberReader member(json);
    while (member.next()) {
        const std::string_view value = member.value();
        if (member.name() == "snapshot") progress.point = Lsn::parse(unquoted(value)).value_or(Lsn{});
        if (member.name() == "xmin") ok = ok && read_number(value, progress.xmin);
        if (member.name() == "before") ok = ok && read_number(value, progress.before);
        if (member.name() == "done") {
            auto done = read_ranges(unquoted(value));
            if (!done.ok()) return done.status();
            progress.done = std::move(*done);
        }
        if (member.name() != "tables") continue;
        const auto tables = read_texts(value);
        if (!tables.ok()) return tables.status();
        for (const std::string& table : *tables)
            ok = ok && read_table(table, progress);
    }
    if (member.failed() || !ok || !progress.point || progress.xmin == 0)
        return Status::fatal("the stored progress is not that of a first snapshot");
    return progress;
}

FirstSnapshotProgress common(const FirstSnapshotProgress& a, const FirstSnapshotProgress& b) {
    FirstSnapshotProgress both;
    both.point = a.point;
    both.xmin = a.xmin;
    both.before = a.before;
    both.done = common(a.done, b.done);
    const auto pages_of = [](const FirstSnapshotProgress& progress, std::int64_t id, Ranges other) {
        if (progress.done.contains(id)) return other;
        const auto table = progress.tables.find(id);
        return table == progress.tables.end() ? Ranges() : common(table->second.pages, other);
    };
    const auto add = [&](const FirstSnapshotProgress& one, const FirstSnapshotProgress& other) {
        for (const auto& [id, table] : one.tables) {
            Ranges pages = pages_of(other, id, table.pages);
            if (!pages.empty())
                both.tables.insert_or_assign(id, FirstSnapshotProgress::Table{table.filenode, pages});
        }
    };
    add(a, b);
    add(b, a);
    return both;
}

}  // namespace cdc::incremental
