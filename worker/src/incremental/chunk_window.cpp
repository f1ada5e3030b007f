#include "incremental/chunk_window.h"

#include <algorithm>

#include "envelope/event_body.h"
#include "envelope/event_reader.h"

namespace cdc::incremental {
namespace {

// Whether the event lacks values that only the row itself has. The text may stand in a value too, so it is
// only where it is found that the envelope is read.
Result<bool> lacks_values(const Event& event) {
    if (event.op == Op::remove || event.line.find("\"unchanged\":[") == std::string_view::npos) return false;
    const Result<EventBody> body = read_body(event);
    if (!body.ok()) return body.status();
    return !body->unchanged.empty();
}

}  // namespace

std::string json_string(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto code = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (code < 0x20) {
            out += "\\u00";
            out += digits[code >> 4];
            out += digits[code & 15];
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::optional<std::string> key_texts(std::string_view key_object, const std::vector<std::string>& columns) {
    const auto members = read_members(key_object);
    if (!members.ok()) return std::nullopt;
    std::string texts = "[";
    for (const std::string& column : columns) {
        const auto member =
            std::ranges::find_if(*members, [&](const auto& each) { return each.first == column; });
        if (member == members->end()) return std::nullopt;
        const std::string_view raw = member->second;
        const bool string = raw.size() >= 2 && raw.front() == '"';
        if (texts.size() > 1) texts += ',';
        texts += json_string(string ? unescape_json(raw.substr(1, raw.size() - 2)) : std::string(raw));
    }
    return texts + "]";
}

bool ChunkWindow::is_own(const Event& event) {
    if (event.table == last_table_ && event.schema == last_schema_) return last_own_;
    last_schema_ = event.schema;
    last_table_ = event.table;
    const TableNames::Name name{unescape_json(event.schema), unescape_json(event.table)};
    last_own_ = name == names_.own || std::ranges::find(names_.ancestors, name) != names_.ancestors.end();
    return last_own_;
}

Result<bool> ChunkWindow::observe(const Event& event) {
    if (event.table.empty() || !is_own(event)) return false;
    const bool unseen = chunk_ && !chunk_->seen.sees(event.xid);
    switch (event.op) {
        case Op::insert:
        case Op::update:
        case Op::remove:
            return observe_row(event);
        case Op::truncate:
            // Under an ancestor's name it may be another partition that was emptied.
            if (!event.partition.empty() &&
                unescape_json(event.partition) != names_.own.schema + "." + names_.own.table)
                return false;
            touched_.truncate(event.xid);
            truncated_ = truncated_ || unseen;
            return false;
        case Op::schema:
            touched_.redefine(event.xid);
            if (unseen) whole_ = false;
            return false;
        default:
            return false;
    }
}

Result<bool> ChunkWindow::observe_row(const Event& event) {
    const Result<bool> incomplete = lacks_values(event);
    if (!incomplete.ok()) return incomplete;
    const bool moved = !event.old_source_id.empty();
    touched_.touch(event.xid, event.source_id, *incomplete);
    if (moved) touched_.touch(event.xid, event.old_source_id, false);
    if (chunk_ && !chunk_->seen.sees(event.xid)) {
        leave_out(event.source_id, event.xid, *incomplete);
        if (moved) leave_out(event.old_source_id, event.xid, false);
    }
    return moved && *incomplete ? note_moved(event) : false;
}

// Under its old key the row may not have been delivered yet, and never will be.
Result<bool> ChunkWindow::note_moved(const Event& event) {
    auto key = key_texts(event.key, names_.key);
    if (!key) return again_.add_all(event.xid);  // it has another key by now, or had another one
    return again_.add(*std::move(key), event.xid);
}

void ChunkWindow::leave_out(std::string_view source_id, std::uint32_t xid, bool incomplete) {
    const auto place = places_.find(source_id);
    if (place == places_.end()) return;
    place->second.left_out = true;
    place->second.incomplete = incomplete;
    place->second.xid = xid;
}

// Of several transactions that touched a row it is not known here which was the last: where any left it
// incomplete, it is read again.
void ChunkWindow::leave_out_early(std::string_view source_id, std::uint32_t xid, bool incomplete) {
    const auto place = places_.find(source_id);
    if (place == places_.end()) return;
    place->second.left_out = true;
    if (!incomplete) return;
    place->second.incomplete = true;
    place->second.xid = xid;
}

Status ChunkWindow::open(Chunk chunk) {
    chunk_ = std::move(chunk);
    whole_ = true;
    truncated_ = false;
    places_.clear();
    places_.reserve(chunk_->rows.size());
    for (std::size_t row = 0; row < chunk_->rows.size(); ++row) {
        const Result<Event> event = read_event(chunk_->envelope(chunk_->rows[row]));
        if (!event.ok()) return event.status();
        if (!places_.emplace(event->source_id, Place{row}).second) {
            drop();
            return Status::fatal("two rows have the same key in their envelopes",
                                 "a key column is masked: rows can't be told apart by it");
        }
    }
    touched_.forget(chunk_->seen);
    if (touched_.any_transaction()) whole_ = false;
    for (const auto& [xid, touch] : touched_.transactions()) {
        for (const auto& [source_id, incomplete] : touch.rows)
            leave_out_early(source_id, xid, incomplete);
        if (touch.any_row || touch.redefined) whole_ = false;
        if (touch.truncated) truncated_ = true;
    }
    return {};
}

void ChunkWindow::drop() {
    places_.clear();
    chunk_.reset();
}

ChunkWindow::Closed ChunkWindow::close() {
    // A row may have moved since it was opened.
    const bool may_start = !chunk_->first || again_.may_start(chunk_->seen);
    Closed closed{std::move(*chunk_), {}, 0, whole_ && may_start};
    chunk_.reset();
    std::vector<Place> places;
    places.reserve(places_.size());
    for (const auto& [source_id, place] : places_)
        places.push_back(place);
    places_.clear();
    if (!closed.whole) return closed;
    if (closed.chunk.first) again_.started();
    again_.have_read(closed.chunk.again, closed.chunk.seen);
    std::ranges::sort(places, {}, &Place::row);
    for (const Place& place : places) {
        if (!place.left_out && !truncated_) {
            closed.rows.push_back(place.row);
            continue;
        }
        ++closed.left_out;
        if (place.incomplete) again_.add(closed.chunk.rows[place.row].key, place.xid);
    }
    return closed;
}

}  // namespace cdc::incremental
