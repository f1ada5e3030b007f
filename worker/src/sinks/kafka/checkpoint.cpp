#include "sinks/kafka/checkpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace cdc::kafka {
namespace {

constexpr std::array<std::string_view, 3> state_words = {"claimed", "snapshot", "streaming"};

void append_string(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += '"';
    for (const char byte : text) {
        const auto code = static_cast<unsigned char>(byte);
        if (byte == '"' || byte == '\\') {
            out += '\\';
            out += byte;
        } else if (code < 0x20) {
            out += "\\u00";
            out += digits[code >> 4];
            out += digits[code & 15];
        } else {
            out += byte;
        }
    }
    out += '"';
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
    out += ",\"" + std::string(name) + "\":";
    append_string(out, text);
}

// Reads what to_json writes: the members in their order. The first thing that is not as it should be makes
// everything after it fail too.
class Reader {
  public:
    explicit Reader(std::string_view text) : rest_(text) {}

    void literal(std::string_view expected) {
        ok_ = ok_ && rest_.starts_with(expected);
        if (ok_) rest_.remove_prefix(expected.size());
    }
    std::string string(std::string_view name) {
        member(name);
        literal("\"");
        std::string out;
        while (ok_ && !rest_.empty() && rest_.front() != '"')
            out += character();
        literal("\"");
        return out;
    }
    Lsn lsn(std::string_view name) {
        const std::optional<Lsn> found = Lsn::parse(string(name));
        ok_ = ok_ && found;
        return found.value_or(Lsn{});
    }
    std::int64_t number(std::string_view name) {
        member(name);
        std::int64_t value = 0;
        const auto read = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        ok_ = ok_ && read.ec == std::errc{};
        if (ok_) rest_.remove_prefix(static_cast<std::size_t>(read.ptr - rest_.data()));
        return value;
    }
    bool boolean(std::string_view name) {
        member(name);
        const bool value = rest_.starts_with("true");
        literal(value ? "true" : "false");
        return value;
    }
    bool follows(std::string_view text) const { return ok_ && rest_.starts_with(text); }
    bool ok() const { return ok_; }
    bool at_end() const { return rest_.empty(); }

  private:
    void member(std::string_view name) {
        literal(first_ ? "{\"" : ",\"");
        first_ = false;
        literal(name);
        literal("\":");
    }
    char character() {
        const char byte = rest_.front();
        rest_.remove_prefix(1);
        if (byte != '\\') return byte;
        if (rest_.starts_with("u00") && rest_.size() >= 5) {
            unsigned code = 0;
            const auto read = std::from_chars(rest_.data() + 3, rest_.data() + 5, code, 16);
            ok_ = ok_ && read.ptr == rest_.data() + 5;
            rest_.remove_prefix(5);
            return static_cast<char>(code);
        }
        ok_ = ok_ && (rest_.starts_with("\"") || rest_.starts_with("\\"));
        if (!ok_) return 0;
        const char escaped = rest_.front();
        rest_.remove_prefix(1);
        return escaped;
    }

    std::string_view rest_;
    bool first_ = true;
    bool ok_ = true;
};

}  // namespace

bool Checkpoint::covers(const Slice& slice, const Event& event) const {
    switch (slice.kind) {
        case SliceKind::snapshot:
            return false;  // its rows have no position of their own
        case SliceKind::message:
            return event.commit_lsn <= message_lsn;
        case SliceKind::transaction:
            break;
    }
    if (event.commit_lsn != commit_lsn) return event.commit_lsn < commit_lsn;
    return last || (event.op != Op::end && event.seq <= seq);
}

void Checkpoint::take(const Slice& slice, const Event& event) {
    if (slice.kind == SliceKind::message) message_lsn = event.commit_lsn;
    if (slice.kind != SliceKind::transaction) return;
    if (event.commit_lsn != commit_lsn) seq = -1;
    commit_lsn = event.commit_lsn;
    seq = std::max(seq, event.seq);
    last = false;
}

void Checkpoint::take_end(const Slice& slice) {
    if (!slice.snapshot_progress.empty()) snapshot_progress = slice.snapshot_progress;
    if (slice.kind != SliceKind::transaction || !slice.last) return;
    end_lsn = std::max(end_lsn, slice.end_lsn);
    if (slice.commit_lsn == commit_lsn) last = true;
}

std::string to_json(const Checkpoint& checkpoint) {
    std::string out = "{\"version\":1";
    append_member(out, "pipeline", checkpoint.pipeline);
    append_member(out, "slot", checkpoint.slot);
    append_member(out, "database", checkpoint.database);
    append_member(out, "system_identifier", checkpoint.system_identifier);
    out += ",\"timeline\":" + std::to_string(checkpoint.timeline);
    append_member(out, "state", state_words[static_cast<std::size_t>(checkpoint.state)]);
    append_member(out, "end_lsn", checkpoint.end_lsn.to_string());
    append_member(out, "commit_lsn", checkpoint.commit_lsn.to_string());
    out += ",\"seq\":" + std::to_string(checkpoint.seq);
    out += checkpoint.last ? ",\"last\":true" : ",\"last\":false";
    append_member(out, "message_lsn", checkpoint.message_lsn.to_string());
    append_member(out, "owner", checkpoint.owner);
    append_member(out, "since", checkpoint.since);
    if (!checkpoint.form.empty()) append_member(out, "form", checkpoint.form);
    if (!checkpoint.snapshot_progress.empty())
        append_member(out, "snapshot_progress", checkpoint.snapshot_progress);
    return out + "}";
}

Result<Checkpoint> read_checkpoint(std::string_view json) {
    Reader reader(json);
    Checkpoint checkpoint;
    const std::int64_t version = reader.number("version");
    if (reader.ok() && version != 1) {
        return Status::fatal(
            "the checkpoint is of version " + std::to_string(version) + ", this worker knows version 1",
            "a newer cdc-worker has written it: run that one");
    }
    checkpoint.pipeline = reader.string("pipeline");
    checkpoint.slot = reader.string("slot");
    checkpoint.database = reader.string("database");
    checkpoint.system_identifier = reader.string("system_identifier");
    checkpoint.timeline = static_cast<std::uint32_t>(reader.number("timeline"));
    const auto state = std::find(state_words.begin(), state_words.end(), reader.string("state"));
    checkpoint.end_lsn = reader.lsn("end_lsn");
    checkpoint.commit_lsn = reader.lsn("commit_lsn");
    checkpoint.seq = reader.number("seq");
    checkpoint.last = reader.boolean("last");
    checkpoint.message_lsn = reader.lsn("message_lsn");
    checkpoint.owner = reader.string("owner");
    checkpoint.since = reader.string("since");
    if (reader.follows(",\"form\":")) checkpoint.form = reader.string("form");
    if (reader.follows(",")) checkpoint.snapshot_progress = reader.string("snapshot_progress");
    reader.literal("}");
    if (!reader.ok() || !reader.at_end() || state == state_words.end()) {
        return Status::fatal("the newest record of the pipeline in the checkpoint topic is not a checkpoint",
                             "somebody else writes to that topic: see who may, and begin again "
                             "(docs/operations.md)");
    }
    checkpoint.state = static_cast<CheckpointState>(state - state_words.begin());
    return checkpoint;
}

}  // namespace cdc::kafka
