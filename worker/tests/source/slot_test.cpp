#include "source/slot.h"

#include <gtest/gtest.h>

namespace cdc::source {
namespace {

TEST(TemporarySlotName, is_the_slots_with_an_ending) {
    EXPECT_EQ(temporary_slot_name("booking", "00c0ffee"), "booking_snapshot_00c0ffee");
}

TEST(TemporarySlotName, never_passes_what_a_slots_name_may_be) {
    const std::string name = temporary_slot_name(std::string(63, 'a'), "00c0ffee");
    EXPECT_EQ(name.size(), 63u);
    EXPECT_TRUE(name.ends_with("_snapshot_00c0ffee"));
}

}  // namespace
}  // namespace cdc::source
