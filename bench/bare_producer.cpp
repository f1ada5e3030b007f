// The least that a producer can do: records of an event's size at a rate, each sent at once, with the
// worker's settings of `transactions: off`, and no source before it. What latency_reader says of its topic is
// what brokers, librdkafka and the machine take.
//   bare_producer BROKERS TOPIC RATE SECONDS
// RATE records a second on average, at random intervals as pgbench --rate has them; each carries the time at
// which it was made as "ts_source".
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <thread>

namespace {

using Clock = std::chrono::system_clock;
using Client = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;

constexpr std::size_t kRecordBytes = 600;  // an event of bench/worker's table

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "bare_producer: %s\n", what.c_str());
    std::exit(1);
}

void reported(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) fail(rd_kafka_err2str(message->err));
}

Client connect(const char* brokers) {
    char message[512];
    rd_kafka_conf_t* const settings = rd_kafka_conf_new();
    const char* const pairs[][2] = {
        {"bootstrap.servers", brokers},  {"enable.idempotence", "true"}, {"acks", "all"},
        {"max.in.flight", "5"},          {"compression.type", "lz4"},    {"linger.ms", "0"},
        {"socket.nagle.disable", "true"}};
    for (const auto& [name, value] : pairs) {
        if (rd_kafka_conf_set(settings, name, value, message, sizeof message) != RD_KAFKA_CONF_OK)
            fail(message);
    }
    rd_kafka_conf_set_dr_msg_cb(settings, reported);
    rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_PRODUCER, settings, message, sizeof message);
    if (client == nullptr) fail(message);
    return Client(client, rd_kafka_destroy);
}

std::string record(Clock::time_point now) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
    const std::time_t second = us / 1'000'000;
    std::tm parts{};
    gmtime_r(&second, &parts);
    char text[64];
    const std::size_t length = std::strftime(text, sizeof text, "{\"ts_source\":\"%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text + length, sizeof text - length, ".%06dZ\",\"n\":\"", static_cast<int>(us % 1'000'000));
    std::string made = text;
    made.resize(kRecordBytes - 2, 'n');
    return made + "\"}";
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 5) fail("usage: bare_producer BROKERS TOPIC RATE SECONDS");
    const Client client = connect(arguments[1]);
    std::mt19937 random(1);
    std::exponential_distribution<double> interval(std::atof(arguments[3]));
    const auto end = Clock::now() + std::chrono::seconds(std::atoi(arguments[4]));
    for (auto due = Clock::now(); due < end; due += std::chrono::duration_cast<Clock::duration>(
                                                 std::chrono::duration<double>(interval(random)))) {
        std::this_thread::sleep_until(due);
        const std::string value = record(due);
        const std::string key = std::to_string(random());
        if (rd_kafka_producev(
                client.get(), RD_KAFKA_V_TOPIC(arguments[2]), RD_KAFKA_V_KEY(key.data(), key.size()),
                RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END) != RD_KAFKA_RESP_ERR_NO_ERROR)
            fail("a record was not taken");
        rd_kafka_poll(client.get(), 0);
    }
    if (rd_kafka_flush(client.get(), 10'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("records were not acknowledged");
    return 0;
}
