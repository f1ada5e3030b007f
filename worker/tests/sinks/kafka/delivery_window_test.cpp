#include "sinks/kafka/delivery_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace cdc::kafka {
namespace {

std::shared_ptr<Slice> slice_of(SliceKind kind, bool last, Lsn end_lsn) {
    auto slice = std::make_shared<Slice>();
    slice->kind = kind;
    slice->last = last;
    slice->end_lsn = end_lsn;
    return slice;
}

DeliveryWindow::Entry& hand_over(DeliveryWindow& window, SlicePtr slice, int messages) {
    DeliveryWindow::Entry& entry = window.open(std::move(slice));
    for (int i = 0; i < messages; ++i)
        window.expect(entry);
    window.seal(entry);
    return entry;
}

DeliveryWindow::Entry& transaction(DeliveryWindow& window, std::uint64_t end_lsn, int messages) {
    return hand_over(window, slice_of(SliceKind::transaction, true, Lsn{end_lsn}), messages);
}

TEST(DeliveryWindow, MovesOnlyOverAContiguousPrefix) {
    DeliveryWindow window;
    auto& first = transaction(window, 10, 2);
    auto& second = transaction(window, 20, 1);
    window.delivered(second);
    EXPECT_EQ(window.durable_lsn(), Lsn{});
    window.delivered(first);
    EXPECT_EQ(window.durable_lsn(), Lsn{});
    window.delivered(first);
    EXPECT_EQ(window.durable_lsn(), Lsn{20});
    EXPECT_TRUE(window.empty());
}

TEST(DeliveryWindow, ATransactionOfManySlicesCountsWhenItsLastOneIsThere) {
    DeliveryWindow window;
    auto& head = hand_over(window, slice_of(SliceKind::transaction, false, Lsn{}), 1);
    auto& tail = transaction(window, 10, 1);
    window.delivered(tail);
    EXPECT_EQ(window.durable_lsn(), Lsn{});
    window.delivered(head);
    EXPECT_EQ(window.durable_lsn(), Lsn{10});
}

TEST(DeliveryWindow, ProgressIsDurableWithAllBeforeIt) {
    DeliveryWindow window;
    auto& before = transaction(window, 10, 1);
    const auto chunk = slice_of(SliceKind::snapshot, false, Lsn{});
    chunk->progress_number = 7;
    auto& rows = hand_over(window, chunk, 2);
    window.delivered(rows);
    window.delivered(rows);
    EXPECT_EQ(window.durable_progress(), 0u);
    window.delivered(before);
    EXPECT_EQ(window.durable_progress(), 7u);
    hand_over(window, slice_of(SliceKind::snapshot, false, Lsn{}), 0);  // a slice without any
    EXPECT_EQ(window.durable_progress(), 7u);
}

TEST(DeliveryWindow, AnEmptyTransactionWaitsForThoseBeforeIt) {
    DeliveryWindow window;
    auto& first = transaction(window, 10, 1);
    transaction(window, 20, 0);
    EXPECT_EQ(window.durable_lsn(), Lsn{});
    window.delivered(first);
    EXPECT_EQ(window.durable_lsn(), Lsn{20});
    transaction(window, 30, 0);
    EXPECT_EQ(window.durable_lsn(), Lsn{30}) << "nothing in flight: at once";
}

TEST(DeliveryWindow, SnapshotsAndMessagesMoveNoPosition) {
    DeliveryWindow window;
    window.delivered(hand_over(window, slice_of(SliceKind::snapshot, false, Lsn{}), 1));
    window.delivered(hand_over(window, slice_of(SliceKind::message, true, Lsn{99}), 1));
    EXPECT_EQ(window.durable_lsn(), Lsn{});
    EXPECT_TRUE(window.empty());
}

TEST(DeliveryWindow, AdvanceWaitsForWhatIsInFlight) {
    DeliveryWindow window;
    window.advance(Lsn{5});
    EXPECT_EQ(window.durable_lsn(), Lsn{5});
    auto& entry = transaction(window, 10, 1);
    window.advance(Lsn{15});
    window.advance(Lsn{17});
    EXPECT_EQ(window.durable_lsn(), Lsn{5});
    window.delivered(entry);
    EXPECT_EQ(window.durable_lsn(), Lsn{17});
    window.advance(Lsn{16});
    EXPECT_EQ(window.durable_lsn(), Lsn{17}) << "never back";
}

TEST(DeliveryWindow, LetsGoOfASliceWhenItsOwnMessagesAreDelivered) {
    DeliveryWindow window;
    auto held = slice_of(SliceKind::transaction, true, Lsn{20});
    auto& first = transaction(window, 10, 1);
    auto& second = hand_over(window, held, 1);
    EXPECT_EQ(held.use_count(), 2);
    window.delivered(second);
    EXPECT_EQ(held.use_count(), 1) << "though the position waits for the first";
    window.delivered(first);
}

TEST(DeliveryWindow, AnUnsealedSliceHoldsThePosition) {
    DeliveryWindow window;
    auto& entry = window.open(slice_of(SliceKind::transaction, true, Lsn{10}));
    window.expect(entry);
    window.delivered(entry);
    EXPECT_EQ(window.durable_lsn(), Lsn{});
    window.seal(entry);
    EXPECT_EQ(window.durable_lsn(), Lsn{10});
}

// Against a model that is too simple to be wrong: transactions of one to three slices, keepalives between
// them, reports in random order, checked after every step.
TEST(DeliveryWindow, AgreesWithAModelUnderRandomReports) {
    struct Modelled {
        Lsn end_lsn;
        std::size_t undelivered = 0;
    };
    for (unsigned seed = 1; seed <= 300; ++seed) {
        std::mt19937 random(seed);
        DeliveryWindow window;
        std::vector<Modelled> model;
        std::vector<std::pair<DeliveryWindow::Entry*, std::size_t>> reports;  // entry, index in model
        std::uint64_t lsn = 1;
        Lsn before;
        const auto check = [&] {
            Lsn expected;
            std::size_t in_flight = 0;
            for (const Modelled& item : model)
                in_flight += item.undelivered;
            for (const Modelled& item : model) {
                if (item.undelivered > 0) break;
                expected = std::max(expected, item.end_lsn);
            }
            ASSERT_EQ(window.durable_lsn(), expected) << "seed " << seed;
            ASSERT_EQ(window.in_flight(), in_flight) << "seed " << seed;
            ASSERT_GE(window.durable_lsn(), before) << "seed " << seed;
            before = window.durable_lsn();
        };
        for (int steps = 0; steps < 200; ++steps) {
            switch (random() % 4) {
                case 0: {
                    const std::size_t slices = 1 + random() % 3;
                    lsn += 10;
                    for (std::size_t part = 1; part <= slices; ++part) {
                        const bool last = part == slices;
                        const std::size_t messages = random() % 4;
                        const Lsn end_lsn = last ? Lsn{lsn} : Lsn{};
                        auto& entry = hand_over(window, slice_of(SliceKind::transaction, last, end_lsn),
                                                static_cast<int>(messages));
                        model.push_back({end_lsn, messages});
                        for (std::size_t i = 0; i < messages; ++i)
                            reports.emplace_back(&entry, model.size() - 1);
                    }
                    break;
                }
                case 1:
                    lsn += random() % 5;
                    window.advance(Lsn{lsn});
                    model.push_back({Lsn{lsn}, 0});
                    break;
                default:
                    if (reports.empty()) break;
                    std::swap(reports[random() % reports.size()], reports.back());
                    window.delivered(*reports.back().first);
                    --model[reports.back().second].undelivered;
                    reports.pop_back();
            }
            check();
        }
        std::shuffle(reports.begin(), reports.end(), random);
        for (const auto& [entry, index] : reports) {
            window.delivered(*entry);
            --model[index].undelivered;
            check();
        }
        ASSERT_TRUE(window.empty());
    }
}

}  // namespace
}  // namespace cdc::kafka
