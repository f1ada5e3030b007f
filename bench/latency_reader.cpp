// How old events are when a consumer has them: reads a topic from its end on, as committed messages only, and
// compares the commit time that each event carries with the clock.
//   latency_reader BROKERS TOPIC WARM_SECONDS SECONDS
// The commit time is "ts_source" of an envelope, or "ts_us" in the "source" of Debezium's event; both are the
// server's time of the commit record, so what the commit itself waits for the disk is in it. Says "ready" on
// standard error once it reads; then one line to standard output, separated by tabs:
//   events, and in milliseconds the median, the 99th percentile and the largest
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Client = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "latency_reader: %s\n", what.c_str());
    std::exit(1);
}

int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// "2026-02-07T05:55:21.123456Z" as microseconds since 1970.
int64_t parse_time(const std::string& text) {
    std::tm parts{};
    int microseconds = 0;
    if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d.%6dZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
                    &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &microseconds) != 7)
        fail("not a time: " + text);
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    return int64_t{timegm(&parts)} * 1'000'000 + microseconds;
}

int64_t commit_time_us(std::string_view event) {
    constexpr std::string_view ours = R"("ts_source":")";
    constexpr std::string_view source = R"("source":{)";
    constexpr std::string_view theirs = R"("ts_us":)";
    if (const std::size_t at = event.find(ours); at != std::string_view::npos)
        return parse_time(std::string(event.substr(at + ours.size(), 27)));
    const std::size_t at = event.find(theirs, std::min(event.find(source), event.size()));
    if (at == std::string_view::npos)
        fail("an event without a commit time: " + std::string(event.substr(0, 200)));
    return std::atoll(std::string(event.substr(at + theirs.size(), 20)).c_str());
}

Client connect(const char* brokers) {
    char message[512];
    rd_kafka_conf_t* const settings = rd_kafka_conf_new();
    const char* const pairs[][2] = {{"bootstrap.servers", brokers},
                                    {"group.id", "latency_reader"},
                                    {"isolation.level", "read_committed"},
                                    {"enable.auto.commit", "false"},
                                    {"fetch.min.bytes", "1"},
                                    {"enable.partition.eof", "true"}};
    for (const auto& [name, value] : pairs) {
        if (rd_kafka_conf_set(settings, name, value, message, sizeof message) != RD_KAFKA_CONF_OK)
            fail(message);
    }
    rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_CONSUMER, settings, message, sizeof message);
    if (client == nullptr) fail(message);
    rd_kafka_poll_set_consumer(client);
    return Client(client, rd_kafka_destroy);
}

// Every partition, from its end on. How many there are.
int assign_all(rd_kafka_t* client, const char* topic) {
    const rd_kafka_metadata_t* metadata = nullptr;
    rd_kafka_topic_t* const handle = rd_kafka_topic_new(client, topic, nullptr);
    if (rd_kafka_metadata(client, 0, handle, &metadata, 10'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("no metadata from the broker");
    rd_kafka_topic_partition_list_t* const partitions = rd_kafka_topic_partition_list_new(4);
    for (int i = 0; i < metadata->topics[0].partition_cnt; ++i)
        rd_kafka_topic_partition_list_add(partitions, topic, metadata->topics[0].partitions[i].id)->offset =
            RD_KAFKA_OFFSET_END;
    const int count = partitions->cnt;
    if (count == 0 || rd_kafka_assign(client, partitions) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("can't read the topic");
    rd_kafka_topic_partition_list_destroy(partitions);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return count;
}

double percentile_ms(const std::vector<int64_t>& sorted, double part) {
    const auto last = static_cast<double>(sorted.size() - 1);
    return static_cast<double>(sorted[static_cast<std::size_t>(last * part + 0.5)]) / 1000;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 5) fail("usage: latency_reader BROKERS TOPIC WARM_SECONDS SECONDS");
    const Client client = connect(arguments[1]);
    int partitions_behind = assign_all(client.get(), arguments[2]);
    int64_t begin = 0;
    int64_t end = now_us() + int64_t{60} * 1'000'000;
    std::vector<int64_t> ages;
    while (now_us() < end) {
        rd_kafka_message_t* const message = rd_kafka_consumer_poll(client.get(), 100);
        const int64_t received = now_us();
        if (message == nullptr) continue;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            // The first end of each partition: from here on everything is new.
            if (partitions_behind > 0 && --partitions_behind == 0) {
                std::fprintf(stderr, "ready\n");
                begin = received + std::atoll(arguments[3]) * 1'000'000;
                end = begin + std::atoll(arguments[4]) * 1'000'000;
            }
        } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            fail(rd_kafka_message_errstr(message));
        } else if (begin != 0 && received >= begin) {
            ages.push_back(received -
                           commit_time_us({static_cast<const char*>(message->payload), message->len}));
        }
        rd_kafka_message_destroy(message);
    }
    if (ages.empty()) fail("no event came");
    std::ranges::sort(ages);
    std::printf("%zu\t%.2f\t%.2f\t%.2f\n", ages.size(), percentile_ms(ages, 0.5), percentile_ms(ages, 0.99),
                static_cast<double>(ages.back()) / 1000);
    return 0;
}
