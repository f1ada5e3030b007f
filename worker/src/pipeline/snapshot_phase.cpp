#include "pipeline/snapshot_phase.h"

#include <poll.h>

#include <chrono>

#include "base/log.h"
#include "pipeline/slice_builder.h"
#include "source/slot.h"
#include "source/snapshot.h"

namespace cdc {
namespace {

using Clock = std::chrono::steady_clock;

Status wait_for_room(const SnapshotParts& parts) {
    while (true) {
        parts.room.clear();
        if (const std::optional<Status> failed = parts.sinks.failure()) return *failed;
        if (parts.stop()) return Status::retry("stopped during the snapshot");
        if (parts.budget.has_room()) return {};
        pollfd fd{parts.room.fd(), POLLIN, 0};
        ::poll(&fd, 1, 100);
    }
}

void log_finished_table(const SnapshotParts& parts, const source::SnapshotReader& reader,
                        const source::SnapshotChunk& chunk, std::int64_t rows) {
    log_info("pipeline {}: snapshot of {} read, {} rows", parts.config.name,
             source::display_name(reader.tables()[chunk.table]), rows);
}

Status read_tables(const SnapshotParts& parts, source::SnapshotReader& reader, source::SnapshotSlot& slot) {
    SliceBuilder builder(parts.budget);
    std::int64_t rows_of_table = 0;
    while (true) {
        CDC_RETURN_IF_ERROR(wait_for_room(parts));
        CDC_RETURN_IF_ERROR(slot.alive());
        Result<std::optional<source::SnapshotChunk>> chunk = reader.next(parts.config.source.batch_bytes);
        if (!chunk.ok()) return chunk.status();
        if (!chunk->has_value()) return {};
        const source::SnapshotChunk& rows = **chunk;
        const Result<SlicePtr> slice = builder.snapshot_slice(rows.bytes, slot.consistent_point());
        if (!slice.ok()) return slice.status();
        parts.sinks.write(*slice);
        parts.statistics.snapshot_rows += rows.rows;
        parts.statistics.bytes += static_cast<std::int64_t>(rows.bytes.size());
        parts.statistics.held_bytes.store(static_cast<std::int64_t>(parts.budget.held()),
                                          std::memory_order_relaxed);
        rows_of_table += rows.rows;
        if (rows.last_of_table) log_finished_table(parts, reader, rows, std::exchange(rows_of_table, 0));
    }
}

}  // namespace

Result<Lsn> take_snapshot(const SnapshotParts& parts) {
    const config::Source& source = parts.config.source;
    parts.statistics.phase.store(Phase::snapshot);
    parts.statistics.snapshot_rows.store(0);
    const Clock::time_point began = Clock::now();

    Result<source::SnapshotSlot> slot =
        source::SnapshotSlot::create(source.dsn, parts.application_name, source.slot, parts.stop);
    if (!slot.ok()) return slot.status();
    const Lsn point = slot->consistent_point();
    CDC_RETURN_IF_ERROR(
        parts.sinks.on_each([point](Sink& sink, std::size_t) { return sink.begin_snapshot(point); }));
    {
        Result<source::SnapshotReader> reader = source::SnapshotReader::open(
            source.dsn, parts.application_name, source, slot->snapshot_name(), point, parts.stop);
        if (!reader.ok()) return reader.status();
        std::int64_t expected = 0;
        for (const source::CapturedTable& table : reader->tables())
            expected += table.estimated_rows;
        parts.statistics.snapshot_rows_expected.store(expected);
        log_info("pipeline {}: snapshot of {} tables at {}", parts.config.name, reader->tables().size(),
                 point.to_string());
        CDC_RETURN_IF_ERROR(read_tables(parts, *reader, *slot));
    }
    CDC_RETURN_IF_ERROR(
        parts.sinks.on_each([point](Sink& sink, std::size_t) { return sink.end_snapshot(point); }));
    CDC_RETURN_IF_ERROR(slot->make_permanent());
    log_info("pipeline {}: snapshot of {} rows is durable in every sink after {:.1f} s; slot \"{}\" created",
             parts.config.name, parts.statistics.snapshot_rows.load(),
             std::chrono::duration<double>(Clock::now() - began).count(), source.slot);
    return point;
}

}  // namespace cdc
