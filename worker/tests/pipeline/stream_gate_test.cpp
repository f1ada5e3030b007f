#include "pipeline/stream_gate.h"

#include <gtest/gtest.h>

#include <thread>

namespace cdc {
namespace {

using namespace std::chrono_literals;

TEST(StreamGate, is_due_at_its_point_and_not_before) {
    StreamGate gate;
    EXPECT_FALSE(gate.is_due(Lsn{1000}));
    gate.ask(Lsn{100});
    EXPECT_TRUE(gate.is_awaited());
    EXPECT_FALSE(gate.is_due(Lsn{99}));
    EXPECT_TRUE(gate.is_due(Lsn{100}));
    EXPECT_FALSE(gate.while_halted([] { FAIL() << "the stream has not halted yet"; }));
    EXPECT_TRUE(gate.halt(Lsn{100}));
    EXPECT_FALSE(gate.is_awaited());
    EXPECT_FALSE(gate.is_due(Lsn{101}));
}

TEST(StreamGate, lets_write_while_it_is_halted_alone) {
    StreamGate gate;
    gate.ask(Lsn{100});
    std::thread stream([&] { gate.halt(Lsn{100}); });
    while (!gate.wait_until_halted(1s)) {
    }
    stream.join();
    int written = 0;
    EXPECT_TRUE(gate.while_halted([&] { ++written; }));
    gate.open();
    EXPECT_FALSE(gate.is_halted());
    EXPECT_FALSE(gate.while_halted([&] { ++written; }));
    EXPECT_EQ(written, 1);
}

TEST(StreamGate, does_not_halt_for_who_has_given_up) {
    StreamGate gate;
    gate.ask(Lsn{100});
    gate.open();
    EXPECT_FALSE(gate.halt(Lsn{100}));
    EXPECT_FALSE(gate.is_halted());
}

// The point is known only when it has passed at the source: the stream is held at an earlier one until then.
TEST(StreamGate, goes_on_to_a_later_point) {
    StreamGate gate;
    gate.ask(Lsn{100});
    EXPECT_TRUE(gate.halt(Lsn{150}));
    EXPECT_TRUE(gate.is_halted());
    gate.ask(Lsn{200});
    EXPECT_FALSE(gate.is_halted());
    EXPECT_FALSE(gate.wait_until_halted(0ms));
    EXPECT_FALSE(gate.is_due(Lsn{150}));
    EXPECT_FALSE(gate.halt(Lsn{150})) << "it was due at the point asked for before";
    EXPECT_TRUE(gate.halt(Lsn{200}));
}

TEST(StreamGate, stays_shut) {
    StreamGate gate;
    gate.ask(Lsn{100});
    gate.halt(Lsn{100});
    gate.shut();
    EXPECT_FALSE(gate.while_halted([] { FAIL() << "the pipeline ends"; }));
    gate.open();
    gate.ask(Lsn{200});
    EXPECT_FALSE(gate.is_due(Lsn{200}));
}

}  // namespace
}  // namespace cdc
