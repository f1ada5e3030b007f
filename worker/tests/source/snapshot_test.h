// SnapshotOnServer: what the tests of snapshots on a real server share. Thread: the test's.
#pragma once

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "source/snapshot.h"
#include "source/source_test.h"

namespace cdc::source {

class SnapshotOnServer : public SourceTest {
  protected:
    void take_snapshot() {
        auto created = SnapshotSlot::create(dsn_, "cdc test", slot_name(), {});
        ASSERT_TRUE(created.ok()) << created.status().to_string();
        slot_ = std::make_unique<SnapshotSlot>(std::move(*created));
    }
    Result<SnapshotReader> open(const std::string& dsn, StopCheck stop = {}) {
        if (!slot_) take_snapshot();
        source_.projection = "p";
        return SnapshotReader::open(dsn, "cdc test", source_, slot_->snapshot_name(),
                                    slot_->consistent_point(), std::move(stop), snapshot_);
    }
    SnapshotReader open() {
        auto reader = open(dsn_);
        EXPECT_TRUE(reader.ok()) << reader.status().to_string();
        return std::move(*reader);
    }
    static std::vector<std::string> names(const SnapshotReader& reader) {
        std::vector<std::string> names;
        for (const CapturedTable& table : reader.tables())
            names.push_back(display_name(table));
        return names;
    }
    // All lines by table; checks what every chunk promises.
    std::map<std::string, std::vector<std::string>> read_all(SnapshotReader& reader, std::size_t max_bytes) {
        std::map<std::string, std::vector<std::string>> lines;
        for (;;) {
            auto chunk = reader.next(max_bytes);
            EXPECT_TRUE(chunk.ok()) << chunk.status().to_string();
            if (!chunk.ok() || !chunk->has_value()) break;
            const std::string table = display_name(reader.tables()[(*chunk)->table]);
            EXPECT_TRUE((*chunk)->batch.rows == 1 || (*chunk)->batch.bytes.size() <= max_bytes);
            EXPECT_EQ(lines_with((*chunk)->batch.bytes, "{"), (*chunk)->batch.rows);
            EXPECT_NE((*chunk)->batch.bytes.back(), '\n');
            std::istringstream text((*chunk)->batch.bytes);
            for (std::string line; std::getline(text, line);)
                lines[table].push_back(line);
        }
        EXPECT_EQ(reader.progress().tables_done, reader.tables().size());
        EXPECT_EQ(reader.progress().pages_done, reader.progress().pages_total);
        return lines;
    }
    Status failure_of(SnapshotReader& reader) {
        for (;;) {
            auto chunk = reader.next(1000);
            if (!chunk.ok()) return chunk.status();
            if (!chunk->has_value()) return {};
        }
    }

    config::Source source_;
    config::Snapshot snapshot_;
    std::unique_ptr<SnapshotSlot> slot_;
};

}  // namespace cdc::source
