#include "pipeline/snapshot_phase.h"

#include <atomic>
#include <chrono>
#include <iterator>
#include <vector>

#include "base/failpoint.h"
#include "base/log.h"
#include "pipeline/progress.h"
#include "pipeline/snapshot_readers.h"
#include "source/slot.h"
#include "source/snapshot.h"
#include "source/snapshot_signal.h"
#include "source/source_connection.h"

namespace cdc {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kProgressInterval = std::chrono::seconds(10);

// What is told of a snapshot while it is read: the counters always, the log now and then.
class Watch {
  public:
    Watch(const SnapshotParts& parts, const source::SnapshotReader& reader, source::SnapshotSlot& slot)
        : parts_(parts), reader_(reader), slot_(slot) {}

    Status operator()() {
        CDC_RETURN_IF_ERROR(slot_.alive());
        const source::SnapshotProgress progress = reader_.progress();
        Statistics& statistics = parts_.statistics;
        statistics.snapshot_rows_expected.store(progress.rows_expected);
        statistics.snapshot_bytes.store(progress.bytes);
        statistics.snapshot_pages.store(progress.pages_done);
        statistics.snapshot_pages_expected.store(progress.pages_total);
        if (Clock::now() >= next_) {
            next_ += kProgressInterval;
            log_info("{}", line_.snapshot_line());
        }
        return {};
    }

  private:
    const SnapshotParts& parts_;
    const source::SnapshotReader& reader_;
    source::SnapshotSlot& slot_;
    ProgressLine line_{"pipeline " + parts_.config.name, parts_.statistics};
    Clock::time_point next_ = Clock::now() + kProgressInterval;
};

// A table that has no rows has had no event, and no sink knows of it.
Status tell_of_empty_table(const SnapshotParts& parts, const source::CapturedTable& table) {
    if (table.partition) return {};
    if (parts.stop()) return Status::retry("stopped during the snapshot");
    return parts.sinks.on_each(
        [&table](Sink& sink, std::size_t) { return sink.empty_table(table.schema, table.table); });
}

// Those that are left to the stream's side have had none so far, and may have none at all.
Status tell_of_empty_tables(const SnapshotParts& parts, const source::SnapshotReader& reader) {
    for (const std::size_t empty : reader.tables_without_rows())
        CDC_RETURN_IF_ERROR(tell_of_empty_table(parts, reader.tables()[empty]));
    for (const source::CapturedTable& table : reader.tables_beside_the_stream())
        CDC_RETURN_IF_ERROR(tell_of_empty_table(parts, table));
    return {};
}

Status check_requests(const SnapshotParts& parts) {
    if (!parts.config.snapshot.resumable) return {};
    auto sql = source::open_source_connection(parts.config.source.dsn, parts.application_name, pq::Mode::sql);
    return sql.ok() ? source::check_may_request(*sql) : sql.status();
}

// Before the slot is permanent: from then on whoever finds the slot finds the requests too. A crash in
// between leaves requests without a slot, which the next snapshot finds and does not make again.
Status request_the_rest(const SnapshotParts& parts, const std::vector<source::CapturedTable>& tables) {
    if (tables.empty()) return {};
    const config::Pipeline& config = parts.config;
    auto sql = source::open_source_connection(config.source.dsn, parts.application_name, pq::Mode::sql);
    CDC_RETURN_IF_ERROR(sql.status());
    CDC_RETURN_IF_ERROR(sql->execute("BEGIN"));
    for (const source::CapturedTable& table : tables) {
        CDC_RETURN_IF_ERROR(source::request_whole_table(*sql, config.source.slot, table.schema, table.table,
                                                        config.snapshot.chunk_rows));
    }
    CDC_RETURN_IF_ERROR(sql->execute("COMMIT"));
    log_info("pipeline {}: {} tables with a key are read beside the stream (cdc-worker snapshot status)",
             config.name, tables.size());
    return failpoint("snapshot_requested");
}

Result<std::vector<source::SnapshotReader>> open_readers(const SnapshotParts& parts,
                                                         const source::SnapshotSlot& slot,
                                                         const source::StopCheck& stop) {
    const config::Pipeline& config = parts.config;
    std::vector<source::SnapshotReader> readers;
    auto first =
        source::SnapshotReader::open(config.source.dsn, parts.application_name, config.source,
                                     slot.snapshot_name(), slot.consistent_point(), stop, config.snapshot);
    if (!first.ok()) return first.status();
    readers.push_back(std::move(*first));
    while (std::ssize(readers) < config.snapshot.readers && !readers.front().tables().empty()) {
        auto another = readers.front().another();
        if (!another.ok()) return another.status();
        readers.push_back(std::move(*another));
    }
    return readers;
}

}  // namespace

Result<Lsn> take_snapshot(const SnapshotParts& parts) {
    const config::Source& source = parts.config.source;
    parts.statistics.phase.store(Phase::snapshot);
    parts.statistics.snapshot_rows.store(0);
    parts.statistics.snapshot_began.store(Clock::now().time_since_epoch().count());
    const Clock::time_point began = Clock::now();
    CDC_RETURN_IF_ERROR(check_requests(parts));

    Result<source::SnapshotSlot> slot =
        source::SnapshotSlot::create(source.dsn, parts.application_name, source.slot, parts.stop);
    if (!slot.ok()) return slot.status();
    const Lsn point = slot->consistent_point();
    CDC_RETURN_IF_ERROR(
        parts.sinks.on_each([point](Sink& sink, std::size_t) { return sink.begin_snapshot(point); }));
    CDC_RETURN_IF_ERROR(failpoint("snapshot_begun"));
    std::vector<source::CapturedTable> rest;
    {
        std::atomic<bool> failing = false;
        auto readers = open_readers(parts, *slot, [&] { return parts.stop() || failing.load(); });
        if (!readers.ok()) return readers.status();
        log_info("pipeline {}: snapshot of {} tables at {}, {} readers", parts.config.name,
                 readers->front().tables().size(), point.to_string(), readers->size());
        Watch watch(parts, readers->front(), *slot);
        CDC_RETURN_IF_ERROR(watch());
        CDC_RETURN_IF_ERROR(read_side_by_side(parts, *readers, point, failing, std::ref(watch)));
        CDC_RETURN_IF_ERROR(tell_of_empty_tables(parts, readers->front()));
        CDC_RETURN_IF_ERROR(watch());
        rest = readers->front().tables_beside_the_stream();
    }
    CDC_RETURN_IF_ERROR(failpoint("snapshot_read"));
    CDC_RETURN_IF_ERROR(
        parts.sinks.on_each([point](Sink& sink, std::size_t) { return sink.end_snapshot(point); }));
    CDC_RETURN_IF_ERROR(failpoint("snapshot_durable"));
    CDC_RETURN_IF_ERROR(request_the_rest(parts, rest));
    const bool alone = parts.config.snapshot.mode == config::SnapshotMode::initial_only;
    if (!alone) CDC_RETURN_IF_ERROR(slot->make_permanent());
    CDC_RETURN_IF_ERROR(failpoint("snapshot_finished"));
    log_info("pipeline {}: snapshot of {} rows is durable in every sink after {:.1f} s; {}",
             parts.config.name, parts.statistics.snapshot_rows.load(),
             std::chrono::duration<double>(Clock::now() - began).count(),
             alone ? "that was all (snapshot: initial_only)" : "slot \"" + source.slot + "\" created");
    return point;
}

}  // namespace cdc
