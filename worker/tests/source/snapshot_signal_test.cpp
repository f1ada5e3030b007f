#include "source/snapshot_signal.h"

#include <gtest/gtest.h>

namespace cdc::source {
namespace {

SnapshotSignal running() {
    SnapshotSignal signal;
    signal.state = "running";
    signal.rows = 2900;
    signal.left_out = 100;
    signal.bytes = 3 << 19;
    signal.chunks = 3;
    signal.estimated_rows = 10000;
    return signal;
}

TEST(SnapshotSignal, ProgressHasTheShareAndTheTimeLeft) {
    EXPECT_EQ(progress_text(running(), 500),
              "2900 rows of about 10000 (30 %) in 3 chunks, 1.5 MiB, 100 left out as newer ones had come, "
              "500 rows/s, about 14 s left");
    EXPECT_EQ(progress_text(running(), 0),
              "2900 rows of about 10000 (30 %) in 3 chunks, 1.5 MiB, 100 left out as newer ones had come");
}

TEST(SnapshotSignal, NoShareIsClaimedThatIsNotKnown) {
    SnapshotSignal with_condition = running();
    with_condition.condition = "id > 5";
    SnapshotSignal without_guess = running();
    without_guess.estimated_rows = -1;
    for (const SnapshotSignal& signal : {with_condition, without_guess}) {
        EXPECT_EQ(percent_of(signal), std::nullopt);
        EXPECT_EQ(progress_text(signal, 500),
                  "2900 rows in 3 chunks, 1.5 MiB, 100 left out as newer ones had come, 500 rows/s");
    }
}

TEST(SnapshotSignal, AGuessMayBeTooLow) {
    SnapshotSignal signal = running();
    signal.estimated_rows = 1000;
    EXPECT_EQ(percent_of(signal), 100);
    EXPECT_EQ(progress_text(signal, 500),
              "2900 rows of about 1000 (100 %) in 3 chunks, 1.5 MiB, 100 left out as newer ones had come, "
              "500 rows/s");
}

TEST(SnapshotSignal, PagesTellMoreThanTheGuess) {
    SnapshotSignal signal = running();
    signal.state = "reading";
    signal.left_out = 0;
    EXPECT_EQ(progress_text(signal, 0), "2900 rows of about 10000 (29 %) in 3 chunks, 1.5 MiB");
    signal.pages = 200;
    signal.pages_read = 50;
    EXPECT_EQ(progress_text(signal, 100),
              "2900 rows of about 11600 (25 %) in 3 chunks, 1.5 MiB, 100 rows/s, about 87 s left");
    signal.pages_read = 200;
    EXPECT_EQ(progress_text(signal, 100), "2900 rows of about 2900 (100 %) in 3 chunks, 1.5 MiB, 100 rows/s");
}

}  // namespace
}  // namespace cdc::source
