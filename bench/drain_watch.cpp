// Waits until a reader has brought a backlog into a Kafka topic, and says when, and what it has cost by then.
//   drain_watch BROKERS TOPIC RECORDS CONNINFO SLOT END_LSN|- READER_PID BROKER_PID
// Done is: the topic's end offsets add up to at least RECORDS, and the slot has confirmed END_LSN ("-": that
// is not asked; Debezium confirms on a clock of its own). With transactions the topic also holds markers, so
// that the slot decides. One line to standard output, separated by tabs:
//   when the topic first grew, when it was done (seconds since 1970), CPU seconds of reader, broker and
//   walsender
// CPU is user and system time since each process began, from /proc, so all must be on one machine.
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;
using Client = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;
using Partitions =
    std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)>;

constexpr auto kInterval = std::chrono::milliseconds(10);
constexpr int kRequestTimeoutMs = 10'000;

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "drain_watch: %s\n", what.c_str());
    std::exit(1);
}

double now_seconds() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// utime and stime of all threads, those that have ended too (proc(5), fields 14 and 15); nothing where it has
// gone.
std::optional<double> cpu_seconds(const std::string& pid) {
    std::ifstream in("/proc/" + pid + "/stat");
    std::string line;
    if (!std::getline(in, line)) return std::nullopt;
    std::istringstream fields(line.substr(line.rfind(')') + 2));
    std::string skipped;
    for (int field = 3; field < 14; ++field)
        fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

Client connect_kafka(const char* brokers) {
    char message[512];
    rd_kafka_conf_t* const settings = rd_kafka_conf_new();
    // uncommitted: the first record counts when it comes, in an open transaction too
    const char* const pairs[][2] = {{"bootstrap.servers", brokers}, {"isolation.level", "read_uncommitted"}};
    for (const auto& [name, value] : pairs) {
        if (rd_kafka_conf_set(settings, name, value, message, sizeof message) != RD_KAFKA_CONF_OK)
            fail(message);
    }
    rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_CONSUMER, settings, message, sizeof message);
    if (client == nullptr) fail(message);
    return Client(client, rd_kafka_destroy);
}

Partitions partitions_of(rd_kafka_t* client, const char* topic) {
    Partitions partitions(rd_kafka_topic_partition_list_new(4), rd_kafka_topic_partition_list_destroy);
    const std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> handle(
        rd_kafka_topic_new(client, topic, nullptr), rd_kafka_topic_destroy);
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(client, 0, handle.get(), &metadata, kRequestTimeoutMs) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("no metadata from the broker");
    for (int i = 0; i < metadata->topics[0].partition_cnt; ++i)
        rd_kafka_topic_partition_list_add(partitions.get(), topic, metadata->topics[0].partitions[i].id);
    rd_kafka_metadata_destroy(metadata);
    if (partitions->cnt == 0) fail(std::string("no topic ") + topic);
    return partitions;
}

// The sum of the partitions' end offsets: one ListOffsets request.
int64_t records_in(rd_kafka_t* client, rd_kafka_topic_partition_list_t* partitions) {
    for (int i = 0; i < partitions->cnt; ++i)
        partitions->elems[i].offset = RD_KAFKA_OFFSET_END;
    const rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(client, partitions, kRequestTimeoutMs);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) fail(rd_kafka_err2str(error));
    int64_t sum = 0;
    for (int i = 0; i < partitions->cnt; ++i)
        sum += partitions->elems[i].offset;
    return sum;
}

struct Slot {
    bool confirmed = false;
    std::string walsender;  // its process, empty while nobody reads the slot
};

Slot look_at(PGconn* connection, const char* slot, const char* end_lsn) {
    const char* const values[] = {slot, end_lsn};
    const Result rows(PQexecParams(connection,
                                   "SELECT confirmed_flush_lsn >= $2::pg_lsn, coalesce(active_pid::text, '') "
                                   "FROM pg_replication_slots WHERE slot_name = $1",
                                   2, nullptr, values, nullptr, nullptr, 0),
                      PQclear);
    if (PQntuples(rows.get()) != 1) fail(std::string("no slot ") + slot + ": " + PQerrorMessage(connection));
    return {PQgetvalue(rows.get(), 0, 0)[0] == 't', PQgetvalue(rows.get(), 0, 1)};
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 9)
        fail("usage: drain_watch BROKERS TOPIC RECORDS CONNINFO SLOT END_LSN|- READER_PID BROKER_PID");
    const int64_t expected = std::atoll(arguments[3]);
    const bool ask_slot = std::string(arguments[6]) != "-";
    const Client client = connect_kafka(arguments[1]);
    const Partitions partitions = partitions_of(client.get(), arguments[2]);
    const Connection connection(PQconnectdb(arguments[4]), PQfinish);
    if (PQstatus(connection.get()) != CONNECTION_OK) fail(PQerrorMessage(connection.get()));

    const int64_t before = records_in(client.get(), partitions.get());
    double first = 0;
    double walsender_cpu = 0;
    for (;; std::this_thread::sleep_for(kInterval)) {
        const int64_t there = records_in(client.get(), partitions.get());
        if (first == 0 && there > before) first = now_seconds();
        const Slot slot = look_at(connection.get(), arguments[5], ask_slot ? arguments[6] : "0/0");
        if (!slot.walsender.empty()) walsender_cpu = cpu_seconds(slot.walsender).value_or(walsender_cpu);
        const std::optional<double> reader_cpu = cpu_seconds(arguments[7]);
        if (!reader_cpu) fail("the reader has ended");
        if (there < expected || (ask_slot && !slot.confirmed)) continue;
        std::printf("%.3f\t%.3f\t%.2f\t%.2f\t%.2f\n", first, now_seconds(), *reader_cpu,
                    cpu_seconds(arguments[8]).value_or(0), walsender_cpu);
        return 0;
    }
}
