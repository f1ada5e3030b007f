// The contract between plugin and worker: every envelope in the plugin's golden files (plugin/expected/*.out)
// is read by the worker's readers and holds to docs/envelope.md's rules on fields and their order.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "envelope/event_body.h"
#include "envelope/event_reader.h"

namespace cdc {
namespace {

struct Golden {
    std::string file;
    int number = 0;
    std::string line;
};

std::vector<Golden> goldens() {
    std::vector<Golden> all;
    for (const auto& entry : std::filesystem::directory_iterator(CDC_SOURCE_DIR "/plugin/expected")) {
        if (entry.path().extension() != ".out") continue;
        std::ifstream in(entry.path());
        std::string line;
        for (int number = 1; std::getline(in, line); ++number) {
            if (line.rfind(R"({"source_id":)", 0) == 0) {
                all.push_back({entry.path().filename().string(), number, line});
            }
        }
    }
    return all;
}

// The names of the fields, in the order in which the contract has them.
const std::vector<std::string> kFields = {
    "source_id", "old_source_id", "schema_version", "op_type",     "ts_source", "commit_lsn", "xid",
    "seq",       "schema",        "table",          "partition",   "key",       "before",     "after",
    "unchanged", "oversize",      "json_null",      "fingerprint", "truncate",  "ddl",        "message",
    "end_lsn",   "events",        "tables",         "evidence_id"};
const std::set<std::string> kOptional = {"old_source_id", "partition", "unchanged", "oversize",
                                         "json_null",     "truncate",  "ddl",       "message",
                                         "end_lsn",       "events",    "tables",    "fingerprint"};

void check_order(const std::vector<std::pair<std::string, std::string_view>>& members) {
    std::size_t at = 0;
    for (const auto& [name, value] : members) {
        while (at < kFields.size() && kFields[at] != name) {
            ASSERT_TRUE(kOptional.count(kFields[at]))
                << "field " << kFields[at] << " is missing before " << name;
            ++at;
        }
        ASSERT_LT(at, kFields.size()) << "field " << name << " is unknown or out of order";
        ++at;
    }
    ASSERT_EQ(at, kFields.size()) << "evidence_id is not last";
}

void check_images(const Event& event, const EventBody& body) {
    switch (event.op) {
        case Op::insert:
        case Op::read:
            EXPECT_TRUE(body.before.empty());
            EXPECT_FALSE(body.after.empty());
            break;
        case Op::update:
            EXPECT_FALSE(body.after.empty());
            break;
        case Op::remove:
            EXPECT_TRUE(body.after.empty());
            break;
        default:
            break;
    }
    EXPECT_EQ(body.own.empty(),
              event.op != Op::truncate && event.op != Op::schema && event.op != Op::message);
    EXPECT_EQ(body.events >= 0, event.op == Op::end);
    for (const std::string_view image : {body.before, body.after}) {
        EXPECT_TRUE(image.empty() || read_members(image).ok());
    }
}

TEST(Golden, EveryEnvelopeOfThePluginIsReadAsTheContractSays) {
    const std::vector<Golden> all = goldens();
    ASSERT_GT(all.size(), 100u) << "plugin/expected holds too few envelopes to prove anything";
    std::set<Op> seen;
    for (const Golden& golden : all) {
        SCOPED_TRACE(golden.file + ":" + std::to_string(golden.number) + ": " + golden.line);
        const Result<Event> event = read_event(golden.line);
        ASSERT_TRUE(event.ok()) << event.status().to_string();
        const Result<EventBody> body = read_body(*event);
        ASSERT_TRUE(body.ok()) << body.status().to_string();
        const auto members = read_members(golden.line);
        ASSERT_TRUE(members.ok()) << members.status().to_string();
        check_order(*members);
        check_images(*event, *body);
        EXPECT_EQ(event->table.empty(),
                  event->op == Op::message || event->op == Op::begin || event->op == Op::end);
        if (event->is_row()) {
            const bool marked = std::any_of(members->begin(), members->end(),
                                            [](const auto& member) { return member.first == "fingerprint"; });
            EXPECT_EQ(marked, event->schema_version == 0);
        }
        seen.insert(event->op);
    }
    for (const Op op : {Op::insert, Op::update, Op::remove, Op::read, Op::truncate, Op::schema, Op::message,
                        Op::begin, Op::end}) {
        EXPECT_TRUE(seen.count(op)) << "no golden file holds an event of op " << static_cast<char>(op);
    }
}

}  // namespace
}  // namespace cdc
