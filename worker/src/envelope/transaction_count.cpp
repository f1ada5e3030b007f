#include "envelope/transaction_count.h"

#include "base/number.h"
#include "envelope/event_reader.h"
#include "envelope/member_reader.h"

namespace cdc {
namespace {

Status differs(const Event& end, std::int64_t declared, const std::string& of, std::int64_t received) {
    return Status::fatal("transaction at " + end.commit_lsn.to_string() + ": ended with " +
                             std::to_string(declared) + " events" + of + ", but " + std::to_string(received) +
                             " were received",
                         "the stream is not whole; nothing of this transaction is confirmed");
}

}  // namespace

Status TransactionCount::take(const Event& event) {
    if (event.op == Op::begin) {
        for (std::int64_t* const count : counted_)
            *count = 0;
        counted_.clear();
        events_ = 0;
        return {};
    }
    if (event.op == Op::end) {
        const Result<EventBody> body = read_body(event);
        return body.ok() ? end(event, *body) : body.status();
    }
    ++events_;
    if (!event.table.empty()) count(event);
    return {};
}

// name: as the envelope has it; most have nothing to unescape.
std::int64_t TransactionCount::received_of(std::string_view name) const {
    const bool escaped = name.find('\\') != std::string_view::npos;
    const auto counted = escaped ? tables_.find(unescape_json(name)) : tables_.find(name);
    return counted == tables_.end() ? 0 : counted->second;
}

// Runs of one table are the rule: the name is made and looked up once a run.
void TransactionCount::count(const Event& event) {
    if (run_count_ == nullptr || event.table != run_table_ || event.schema != run_schema_) {
        run_schema_ = event.schema;
        run_table_ = event.table;
        run_count_ = &tables_[unescape_json(event.schema) + "." + unescape_json(event.table)];
    }
    if (++*run_count_ == 1) counted_.push_back(run_count_);
}

Status TransactionCount::end(const Event& event, const EventBody& body) const {
    if (body.events != events_) return differs(event, body.events, "", events_);
    std::size_t tables = 0;
    MemberReader table(body.tables);
    for (; table.next(); ++tables) {
        const std::int64_t received = received_of(table.name());
        std::int64_t declared = -1;
        if (!read_number(table.value(), declared) || received != declared)
            return differs(event, declared, " of table " + unescape_json(table.name()), received);
    }
    if (table.failed()) {
        return Status::fatal("malformed envelope: expected how many events of each table came",
                             "the output plugin and cdc-worker must be of the same release");
    }
    if (tables < counted_.size()) {
        return Status::fatal("transaction at " + event.commit_lsn.to_string() +
                                 ": events of a table were received that its end does not count",
                             "the stream is not whole; nothing of this transaction is confirmed");
    }
    return {};
}

}  // namespace cdc
