// LatencyHistogram: counts of durations in buckets 1/16 of a power of two wide, so that a percentile is
// within 6 % of the true value in constant memory (8 KiB). Thread: record by one, all else by any (relaxed
// counters).
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace cdc {

class LatencyHistogram {
  public:
    void record(std::int64_t us) {
        buckets_[bucket_of(us < 0 ? 0 : static_cast<std::uint64_t>(us))].fetch_add(1,
                                                                                   std::memory_order_relaxed);
        count_.fetch_add(1, std::memory_order_relaxed);
    }
    std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }

    // The least duration in µs (rounded up to its bucket's end) that `share` (0–1) of the records do not
    // pass; 0 where nothing was recorded.
    std::int64_t percentile(double share) const {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count()) + 0.5);
        std::uint64_t seen = 0;
        for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
            seen += buckets_[bucket].load(std::memory_order_relaxed);
            if (seen > 0 && seen >= wanted) return static_cast<std::int64_t>(end_of(bucket));
        }
        return 0;
    }

    // One look at all counters, which agrees with itself: below[n] is how many records are below 2^n µs.
    struct Look {
        std::array<std::uint64_t, 65> below{};
        std::uint64_t count = 0;
        double sum_us = 0;  // within 3 %: each record as the middle of its bucket
    };
    Look look() const {
        Look look;
        for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
            const std::uint64_t records = buckets_[bucket].load(std::memory_order_relaxed);
            const std::uint64_t end = end_of(bucket);
            const std::uint64_t begin = bucket == 0 ? 0 : end_of(bucket - 1) + 1;
            look.count += records;
            look.sum_us += static_cast<double>(records) *
                           (static_cast<double>(begin) + static_cast<double>(end - begin) / 2);
            look.below[static_cast<std::size_t>(std::bit_width(end))] += records;
        }
        for (std::size_t power = 1; power < look.below.size(); ++power)
            look.below[power] += look.below[power - 1];
        return look;
    }

  private:
    static constexpr unsigned kFineBits = 4;  // 16 buckets a power of two

    static std::size_t bucket_of(std::uint64_t us) {
        if (us < (1u << kFineBits)) return us;
        const unsigned power = std::bit_width(us) - 1;
        return ((power - kFineBits + 1) << kFineBits) +
               ((us >> (power - kFineBits)) & ((1u << kFineBits) - 1));
    }
    static std::uint64_t end_of(std::size_t bucket) {
        if (bucket < (1u << kFineBits)) return bucket;
        const std::size_t power = (bucket >> kFineBits) + kFineBits - 1;
        const std::uint64_t fine = bucket & ((1u << kFineBits) - 1);
        return (((1ull << kFineBits) + fine + 1) << (power - kFineBits)) - 1;
    }

    std::array<std::atomic<std::uint64_t>, (64 - kFineBits + 1) << kFineBits> buckets_{};
    std::atomic<std::uint64_t> count_{0};
};

}  // namespace cdc
