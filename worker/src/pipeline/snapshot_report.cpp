#include "pipeline/snapshot_report.h"

#include <utility>

#include "base/log.h"
#include "source/snapshot_signal.h"

namespace cdc {

using namespace std::chrono_literals;

namespace {

constexpr auto tell_interval = 10s;
constexpr auto least_interval = 1s;  // however quickly small tables follow each other

source::SnapshotSignal as_signal(const source::CapturedTable& table, const source::SnapshotPlan::Part& part) {
    source::SnapshotSignal signal;
    signal.state = "reading";
    signal.rows = part.rows;
    signal.bytes = part.bytes;
    signal.chunks = part.ranges;
    signal.estimated_rows = table.estimated_rows;
    signal.pages = part.pages;
    signal.pages_read = part.pages_done;
    return signal;
}

}  // namespace

void SnapshotReport::write_to(pq::Connection& sql, const SnapshotAccount& account, source::StopCheck stop) {
    sql_ = &sql;
    account_ = &account;
    stop_ = std::move(stop);
    final_.assign(reader_.tables().size(), false);
    done_ = reader_.progress().tables_done;
    written_ = Clock::now();
}

Status SnapshotReport::tell() {
    if (sql_ == nullptr) return {};
    if (PQconsumeInput(sql_->native()) == 0 || PQstatus(sql_->native()) != CONNECTION_OK)
        return Status::retry(sql_->error("the connection that holds the snapshot's lock").message());
    const auto passed = Clock::now() - written_;
    const bool more_done = reader_.progress().tables_done > done_;
    if (passed < (more_done ? Clock::duration(least_interval) : Clock::duration(tell_interval))) return {};
    return write();
}

void SnapshotReport::tell_last() {
    if (sql_ == nullptr || PQstatus(sql_->native()) != CONNECTION_OK) return;
    stop_ = {};
    if (const Status status = write(); !status.ok()) log_debug("{}", status.to_string());
}

Status SnapshotReport::write() {
    const std::size_t done = reader_.progress().tables_done;
    std::vector<source::ReadTable> changed;
    std::vector<std::size_t> whole;
    for (std::size_t i = reader_.tables_of_first_part(); i < reader_.tables().size(); ++i) {
        if (final_[i]) continue;
        const source::SnapshotPlan::Part part = reader_.part(i);
        if (!part.opened) continue;
        changed.push_back({account_->id_of(i), reader_.tables()[i].estimated_rows, part});
        if (part.done) whole.push_back(i);
    }
    const Status status = source::report_reading(*sql_, changed, stop_);
    written_ = Clock::now();
    if (status.ok()) {
        done_ = done;
        for (const std::size_t table : whole)
            final_[table] = true;
        failing_ = false;
    } else if (PQstatus(sql_->native()) != CONNECTION_OK) {
        return Status::retry(status.message());
    } else if (!(stop_ && stop_()) && !std::exchange(failing_, true)) {
        log_warning("pipeline {}: how far the snapshot is can't be stored: {}", pipeline_,
                    status.to_string());
    }
    return {};
}

void SnapshotReport::log_tables() const {
    if (reader_.tables().size() < 2) return;
    for (std::size_t i = 0; i < reader_.tables().size(); ++i) {
        const source::SnapshotPlan::Part part = reader_.part(i);
        if (!part.opened || part.done) continue;
        const double rate =
            part.reading.count() > 0 ? static_cast<double>(part.rows) / part.reading.count() : 0;
        const source::CapturedTable& table = reader_.tables()[i];
        log_info("pipeline {}: snapshot of {}: {}", pipeline_, source::display_name(table),
                 source::progress_text(as_signal(table, part), rate));
    }
}

std::vector<source::ReadTable> SnapshotReport::requested_tables() const {
    std::vector<source::ReadTable> tables;
    for (std::size_t i = reader_.tables_of_first_part(); i < reader_.tables().size(); ++i)
        tables.push_back({account_->id_of(i), reader_.tables()[i].estimated_rows, reader_.part(i)});
    return tables;
}

}  // namespace cdc
