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

}  // namespace
}  // namespace cdc
