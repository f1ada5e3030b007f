// Copying the bytes that a JSON string holds as they are, up to the first that it does not: looking and
// copying in one pass, sixteen bytes at a time with SSE2, eight without.
//
// Neither reads nor writes a byte outside of the `len` given. Pure; raises nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace cdc {

enum class HighBytes : uint8_t {
    stop,  // at a byte >= 0x80 as well
    copy,
};

constexpr uint64_t kOnes = 0x0101010101010101u;
constexpr uint64_t kHighBits = kOnes * 0x80;

inline uint64_t load_word(const char* s) {
    uint64_t word;
    memcpy(&word, s, sizeof(word));
    return word;
}

// Not zero where one of the eight bytes stops a run. (Which one, it does not say: a borrow may mark a byte
// above the first one that does.)
template <HighBytes high>
inline uint64_t stops_in_word(uint64_t w) {
    const auto zero_bytes = [](uint64_t x) { return (x - kOnes) & ~x; };
    const uint64_t control = (w - kOnes * 0x20) & ~w;
    const uint64_t stops = control | zero_bytes(w ^ kOnes * '"') | zero_bytes(w ^ kOnes * '\\');
    return (high == HighBytes::stop ? stops | w : stops) & kHighBits;
}

template <HighBytes high>
inline bool stops_at(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || c == '"' || c == '\\' || (high == HighBytes::stop && byte >= 0x80);
}

// For fewer than eight bytes, and for a word with a stop in it.
template <HighBytes high>
inline size_t copy_plain_bytes(char* to, const char* s, size_t from, size_t len) {
    for (; from < len && !stops_at<high>(s[from]); ++from)
        to[from] = s[from];
    return from;
}

// What is left after whole blocks. The last word may reach back into what has been copied already: the same
// bytes go to the same place again.
template <HighBytes high>
inline size_t copy_plain_words(char* to, const char* s, size_t from, size_t len) {
    if (len < sizeof(uint64_t)) return copy_plain_bytes<high>(to, s, from, len);
    while (from < len) {
        const size_t at = from < len - sizeof(uint64_t) ? from : len - sizeof(uint64_t);
        const uint64_t word = load_word(s + at);
        if (stops_in_word<high>(word) != 0) return copy_plain_bytes<high>(to, s, from, len);
        memcpy(to + at, &word, sizeof(word));
        from = at + sizeof(word);
    }
    return len;
}

// Copies s to `to` up to the first byte that stops it, or all of it; returns how many bytes that were.
template <HighBytes high>
inline size_t copy_plain(char* to, const char* s, size_t len) {
    size_t from = 0;
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i last_control = _mm_set1_epi8(0x1f);
    for (; len - from >= sizeof(__m128i); from += sizeof(__m128i)) {
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(s + from));
        __m128i stops = _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash));
        stops = _mm_or_si128(stops, _mm_cmpeq_epi8(_mm_min_epu8(block, last_control), block));
        if (high == HighBytes::stop) stops = _mm_or_si128(stops, block);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + from), block);
        if (const int marks = _mm_movemask_epi8(stops); marks != 0)
            return from + static_cast<size_t>(__builtin_ctz(static_cast<unsigned>(marks)));
    }
#endif
    return copy_plain_words<high>(to, s, from, len);
}

}  // namespace cdc
