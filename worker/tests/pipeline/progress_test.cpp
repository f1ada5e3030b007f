#include "pipeline/progress.h"

#include <gmock/gmock.h>

namespace cdc {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Progress, TheLineOfAStreamTellsOfTheTableThatIsReadBesideIt) {
    Statistics statistics;
    statistics.phase = Phase::streaming;
    ProgressLine progress("p", statistics);
    EXPECT_THAT(progress.line(), Not(HasSubstr("snapshot")));
    statistics.run_rows = 1200;
    statistics.run = 7;
    EXPECT_THAT(progress.line(), HasSubstr(" held, snapshot 7: 1200 rows"));
    EXPECT_THAT(progress.line(), Not(HasSubstr("%")));
    statistics.run_percent = 0;
    EXPECT_THAT(progress.line(), HasSubstr(" held, snapshot 7: 1200 rows (0 %)"));
    statistics.run = 0;
    EXPECT_THAT(progress.line(), Not(HasSubstr("snapshot")));
}

TEST(Progress, TheLineOfASnapshotTellsOfRowsTablesAndPages) {
    Statistics statistics;
    statistics.phase = Phase::snapshot;
    statistics.snapshot_rows = 500;
    statistics.snapshot_rows_expected = 2000;
    statistics.snapshot_bytes = 3 << 19;
    statistics.snapshot_tables_expected = 1;
    ProgressLine progress("p", statistics);
    EXPECT_THAT(progress.line(), HasSubstr("p: snapshot, 500 rows of about 2000, 1.5 MiB, "));
    EXPECT_THAT(progress.line(), Not(HasSubstr("tables")));
    statistics.snapshot_tables = 2;
    statistics.snapshot_tables_expected = 5;
    statistics.snapshot_pages = 30;
    statistics.snapshot_pages_expected = 120;
    EXPECT_THAT(progress.line(), HasSubstr("1.5 MiB, 2 of 5 tables, 25 %, "));
    EXPECT_THAT(progress.line(), HasSubstr(" s left"));
}

}  // namespace
}  // namespace cdc
