// Reads a logical replication slot once, from where it stands up to an LSN, and says what that cost the
// walsender.
//   decode_reader CONNINFO SLOT END_LSN [OPTION=VALUE…]
// One line to standard output, separated by tabs:
//   CPU seconds, wall seconds, bytes received, messages received, peak of the walsender's own memory in KiB
// What comes is counted and thrown away. No position is ever confirmed, so the same WAL can be read again and
// again.
//
// The walsender's figures come from /proc while it still lives, so both must be on one machine. CPU time is
// the scheduler's own account (/proc/PID/schedstat, nanoseconds), user and system together, less what the
// walsender had used before START_REPLICATION. Memory is RssAnon, sampled: shared buffers don't count.
#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;
using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr auto kSampleInterval = std::chrono::milliseconds(20);

struct Walsender {
    std::string proc;  // /proc/PID

    double cpu_seconds() const {
        std::ifstream in(proc + "/schedstat");
        double nanoseconds = 0;
        in >> nanoseconds;
        return nanoseconds / 1e9;
    }
    long anonymous_kib() const {
        std::ifstream in(proc + "/status");
        for (std::string word; in >> word;) {
            long kib = 0;
            if (word == "RssAnon:" && in >> kib) return kib;
        }
        return 0;
    }
};

struct Reading {
    uint64_t bytes = 0;
    uint64_t messages = 0;
    long peak_kib = 0;
};

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "decode_reader: %s\n", what.c_str());
    std::exit(1);
}

uint64_t parse_lsn(const char* text) {
    unsigned high = 0;
    unsigned low = 0;
    if (std::sscanf(text, "%X/%X", &high, &low) != 2) fail(std::string("not an LSN: ") + text);
    return uint64_t{high} << 32 | low;
}

uint64_t big_endian_64(const char* bytes) {
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i)
        value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

std::string start_command(int count, char** arguments) {
    std::string command = std::string("START_REPLICATION SLOT \"") + arguments[2] + "\" LOGICAL 0/0";
    for (int i = 4; i < count; ++i) {
        const char* const equals = std::strchr(arguments[i], '=');
        if (equals == nullptr) fail(std::string("not NAME=VALUE: ") + arguments[i]);
        command += i == 4 ? " (\"" : ", \"";
        command += std::string(arguments[i], static_cast<size_t>(equals - arguments[i])) + "\" '" +
                   (equals + 1) + "'";
    }
    return count > 4 ? command + ")" : command;
}

// Reads until a keepalive says that the walsender has decoded all up to end: it sends one whenever it has
// nothing more to do (walsender.c, WalSndWaitForWal).
Reading read_until(PGconn* connection, uint64_t end, const Walsender& walsender) {
    Reading reading;
    auto next_sample = Clock::now();
    for (;;) {
        char* message = nullptr;
        const int length = PQgetCopyData(connection, &message, 0);
        if (length < 0) fail(std::string("the stream ended: ") + PQerrorMessage(connection));
        const char kind = message[0];
        const uint64_t position = length >= 9 ? big_endian_64(message + 1) : 0;
        PQfreemem(message);
        reading.bytes += static_cast<uint64_t>(length);
        reading.messages += kind == 'w';
        const bool done = kind == 'k' && position >= end;
        if (done || Clock::now() >= next_sample) {
            reading.peak_kib = std::max(reading.peak_kib, walsender.anonymous_kib());
            next_sample = Clock::now() + kSampleInterval;
        }
        if (done) return reading;
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 4) fail("usage: decode_reader CONNINFO SLOT END_LSN [OPTION=VALUE…]");
    const Connection connection(PQconnectdb((std::string(arguments[1]) + " replication=database").c_str()),
                                PQfinish);
    if (PQstatus(connection.get()) != CONNECTION_OK) fail(PQerrorMessage(connection.get()));
    PQsetNoticeProcessor(
        connection.get(), [](void*, const char*) {}, nullptr);  // decoderbufs is talkative
    const Walsender walsender{"/proc/" + std::to_string(PQbackendPID(connection.get()))};
    const uint64_t end = parse_lsn(arguments[3]);

    const double cpu_before = walsender.cpu_seconds();
    const auto started = Clock::now();
    const Result result(PQexec(connection.get(), start_command(count, arguments).c_str()), PQclear);
    if (PQresultStatus(result.get()) != PGRES_COPY_BOTH) fail(PQerrorMessage(connection.get()));
    const Reading reading = read_until(connection.get(), end, walsender);
    const double wall = std::chrono::duration<double>(Clock::now() - started).count();
    std::printf("%.4f\t%.4f\t%llu\t%llu\t%ld\n", walsender.cpu_seconds() - cpu_before, wall,
                static_cast<unsigned long long>(reading.bytes),
                static_cast<unsigned long long>(reading.messages), reading.peak_kib);
}
