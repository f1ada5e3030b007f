#include "source/known_bugs.h"

#include <array>

namespace cdc::source {
namespace {

constexpr int first_major = 13;
constexpr int last_major = 18;
constexpr int never = -1;  // the major went out of support before the fix

struct Bug {
    const char* what;
    std::array<int, 6> since;     // minor per major 13…18 that brought it
    std::array<int, 6> fixed_in;  // minor per major 13…18 that cured it; 0: the major began without it
};

constexpr std::array<int, 6> always = {0, 0, 0, 0, 0, 0};

constexpr std::array<Bug, 7> bugs = {{
    {"a new slot could begin inside a transaction and decode it wrongly", always, {16, 13, 8, 4, 0, 0}},
    {"restart_lsn could go backwards, after which the slot can't be started", always, {18, 15, 10, 6, 2, 0}},
    {"changes could be lost where DDL without a strong lock (ALTER PUBLICATION, ALTER TYPE) ran beside open "
     "transactions",
     always,
     {21, 18, 13, 9, 5, 0}},
    {"many open transactions beside DDL could exhaust the memory of decoding",
     {21, 18, 13, 9, 5, 0},
     {22, 19, 14, 10, 6, 0}},
    {"confirmed_flush_lsn could move backwards, and WAL that a slot needs could be removed at a checkpoint",
     always,
     {22, 19, 14, 10, 6, 0}},
    {"a full disk could leave a file behind that blocks the slot for good", always, {23, 20, 15, 11, 7, 1}},
    {"a new slot could be invalidated at once by a checkpoint that ran beside its creation",
     always,
     {never, 21, 16, 12, 8, 2}},
}};

}  // namespace

std::string version_text(int server_version) {
    return std::to_string(server_version / 10000) + "." + std::to_string(server_version % 10000);
}

std::vector<KnownBug> known_bugs(int server_version) {
    const int major = server_version / 10000;
    const int minor = server_version % 10000;
    std::vector<KnownBug> found;
    if (major < first_major || major > last_major) return found;
    const auto column = static_cast<std::size_t>(major - first_major);
    for (const Bug& bug : bugs) {
        const int fixed = bug.fixed_in[column];
        if (minor < bug.since[column] || (fixed != never && minor >= fixed)) continue;
        found.push_back({bug.what, fixed == never ? "" : version_text(major * 10000 + fixed)});
    }
    return found;
}

}  // namespace cdc::source
