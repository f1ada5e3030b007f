// Envelopes from any bytes: the input is the payload of one message of the stream, lines of one transaction.
//
// Oracles: what a reader gives are views into its line; a line that is read whole has every field behind its
// head in the body; the two readers of an object's members agree; a slice has an event for each line, and one
// that ends a transaction has as many events as its e event says; the budget has everything back.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "base/byte_budget.h"
#include "envelope/event_body.h"
#include "envelope/event_reader.h"
#include "envelope/member_reader.h"
#include "envelope/table_definition.h"
#include "oracle.h"
#include "pipeline/slice_builder.h"

using namespace cdc;

namespace {

void check_members(std::string_view object) {
    if (object.empty()) return;
    const auto members = read_members(object);
    MemberReader reader(object);
    std::size_t count = 0;
    while (reader.next()) {
        fuzz::expect(fuzz::within(reader.value(), object), "a member's value is a view");
        if (members.ok()) {
            fuzz::expect(count < members->size(), "both readers see as many members");
            fuzz::expect((*members)[count].first == unescape_json(reader.name()), "the same names");
            fuzz::expect((*members)[count].second == reader.value(), "the same values");
        }
        ++count;
    }
    fuzz::expect(members.ok() != reader.failed(), "both readers refuse the same");
    if (members.ok()) fuzz::expect(count == members->size(), "both readers see all members");
}

void check_event(const Event& event, std::string_view line) {
    for (const std::string_view view : {event.line, event.source_id, event.old_source_id, event.ts_source,
                                        event.schema, event.table, event.partition, event.key})
        fuzz::expect(fuzz::within(view, line), "a head's fields are views");
    fuzz::expect(unescape_json(event.table).size() <= event.table.size() * 3,
                 "a name does not grow beyond reason");
    if (const auto time = parse_timestamp_us(event.ts_source); time.ok())
        fuzz::expect(event.ts_source.size() == 27, "a timestamp is of one form");
    check_members(event.key);
    const auto body = read_body(event);
    if (!body.ok()) return;
    fuzz::expect(fuzz::within(body->before, line) && fuzz::within(body->after, line) &&
                     fuzz::within(body->own, line) && fuzz::within(body->evidence_id, line),
                 "a body's fields are views");
    fuzz::expect(skip_json_value(line, 0) == line.size(), "a line that is read whole is one object");
    check_members(body->before);
    check_members(body->after);
    if (event.op == Op::schema) (void)parse_table_definition(body->own);
}

void check_slice(std::string_view payload) {
    ByteBudget budget(1 << 20, [] {});
    {
        SliceBuilder builder(budget);
        const auto slice = builder.stream_slice(payload);
        if (!slice.ok()) return fuzz::expect(budget.held() == 0, "a refused message holds nothing");
        const Slice& read = **slice;
        const auto lines =
            std::count(payload.begin(), payload.end(), '\n') + (payload.back() == '\n' ? 0 : 1);
        fuzz::expect(static_cast<std::ptrdiff_t>(read.events.size()) == lines, "an event for each line");
        fuzz::expect(budget.held() >= payload.size(), "what is held is counted");
        fuzz::expect(!read.last || !builder.in_transaction(), "an e event ends the transaction");
        fuzz::expect(!(read.last && !read.first), "nothing ends that has not begun");
    }
    fuzz::expect(budget.held() == 0, "the budget has everything back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::unique_ptr<char[]> copy(new char[size]);
    if (size > 0) std::memcpy(copy.get(), data, size);
    const std::string_view payload(copy.get(), size);
    for (std::size_t at = 0; at < size;) {
        const std::size_t end = std::min(payload.find('\n', at), size);
        // each line in memory of its own, so that a read past its end is seen
        const std::unique_ptr<char[]> alone(new char[end - at]);
        std::memcpy(alone.get(), payload.data() + at, end - at);
        const std::string_view line(alone.get(), end - at);
        if (const auto event = read_event(line); event.ok()) check_event(*event, line);
        check_members(line);
        at = end + 1;
    }
    check_slice(payload);
    return 0;
}
