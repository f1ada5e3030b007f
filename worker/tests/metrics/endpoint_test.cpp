#include "metrics/endpoint.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "metrics/scrape.h"

namespace cdc::metrics {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

config::Metrics anywhere() {
    config::Metrics config;
    config.listen = "127.0.0.1:0";
    config.loopback = true;
    return config;
}

class EndpointTest : public testing::Test {
  protected:
    EndpointTest() {
        statistics.sinks.push_back(std::make_unique<SinkStatistics>());
        statistics.sinks.back()->name = "kafka";
    }
    Result<std::unique_ptr<Endpoint>> open(const config::Metrics& config) {
        return Endpoint::open(config, {{"booking", 32u << 20, &statistics}});
    }

    Statistics statistics;
};

TEST_F(EndpointTest, AnswersWithWhatTheStatisticsSayNow) {
    const auto endpoint = open(anywhere());
    ASSERT_TRUE(endpoint.ok()) << endpoint.status().to_string();
    const int port = (*endpoint)->port();
    EXPECT_THAT(ask(port, "GET /metrics"),
                AllOf(HasSubstr("HTTP/1.1 200 OK\r\n"),
                      HasSubstr("cdc_pipeline_events_total{pipeline=\"booking\"} 0\n")));
    statistics.events = 41;
    EXPECT_THAT(ask(port, "GET /metrics"), HasSubstr("cdc_pipeline_events_total{pipeline=\"booking\"} 41\n"));
}

TEST_F(EndpointTest, AnswersNothingElse) {
    const auto endpoint = open(anywhere());
    ASSERT_TRUE(endpoint.ok()) << endpoint.status().to_string();
    const int port = (*endpoint)->port();
    for (const char* what : {"GET /", "GET /metricsx", "GET /metrics/", "GET /metrics/x", "GET /METRICS",
                             "POST /", "GET /../metrics/../etc/passwd"})
        EXPECT_THAT(status_of(ask(port, what)), AllOf(HasSubstr(" 40"), Not(HasSubstr("200")))) << what;
    EXPECT_EQ(status_of(ask(port, "GET /metricsx")), "HTTP/1.1 404 Not Found");
    for (const char* method : {"HEAD", "POST", "PUT", "DELETE", "OPTIONS"}) {
        const std::string answer = ask(port, std::string(method) + " /metrics");
        EXPECT_EQ(status_of(answer), "HTTP/1.1 405 Method Not Allowed") << method;
        EXPECT_THAT(answer, Not(HasSubstr("cdc_"))) << method;
    }
    EXPECT_THAT(ask(port, "OPTIONS *"), Not(HasSubstr("cdc_")));
    EXPECT_THAT(status_of(ask(port, "GET /metrics?x=1")), HasSubstr("200"));
}

TEST_F(EndpointTest, AsksForThePassword) {
    config::Metrics config = anywhere();
    config.username = "prometheus";
    config.password = "hunter2:x";
    const auto endpoint = open(config);
    ASSERT_TRUE(endpoint.ok()) << endpoint.status().to_string();
    const int port = (*endpoint)->port();
    const auto with = [&](const std::string& credentials) {
        return ask(port, "GET /metrics", "Authorization: " + credentials + "\r\n");
    };
    EXPECT_THAT(with("Basic cHJvbWV0aGV1czpodW50ZXIyOng="),
                AllOf(HasSubstr("HTTP/1.1 200 OK"), HasSubstr("cdc_worker_info"), Not(HasSubstr("hunter2"))));
    EXPECT_THAT(ask(port, "GET /metrics"), AllOf(HasSubstr("HTTP/1.1 401 "), Not(HasSubstr("cdc_worker"))));
    for (const char* wrong :
         {"Basic cHJvbWV0aGV1czpodW50ZXIy",      // hunter2
          "Basic cHJvbWV0aGV1czpodW50ZXIyOnh4",  // hunter2:xx
          "Basic Ong6aHVudGVyMjp4",              // another user
          "Basic cHJvbWV0aGV1czo=",              // none
          "Basic cHJvbWV0aGV1cw==", "Basic ", "Basic", "Basic !!!!", "Basic A", "Bearer x"})
        EXPECT_THAT(with(wrong), AllOf(HasSubstr("HTTP/1.1 401 "), Not(HasSubstr("cdc_worker")))) << wrong;
}

TEST_F(EndpointTest, SaysWhyItCantListen) {
    const auto first = open(anywhere());
    ASSERT_TRUE(first.ok()) << first.status().to_string();
    config::Metrics taken = anywhere();
    taken.listen = "127.0.0.1:" + std::to_string((*first)->port());
    const auto second = open(taken);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.status().message(),
              "metrics: can't listen at " + taken.listen + ": Address already in use");
    EXPECT_THAT(second.status().hint(), HasSubstr("metrics.listen"));
    config::Metrics elsewhere = anywhere();
    elsewhere.listen = "192.0.2.1:9464";
    const auto third = open(elsewhere);
    ASSERT_FALSE(third.ok());
    EXPECT_THAT(third.status().message(), HasSubstr("192.0.2.1:9464: Cannot assign requested address"));
}

TEST_F(EndpointTest, IsFreeForTheNextOne) {
    config::Metrics config = anywhere();
    auto first = open(config);
    ASSERT_TRUE(first.ok()) << first.status().to_string();
    config.listen = "127.0.0.1:" + std::to_string((*first)->port());
    (*first).reset();
    const auto second = open(config);
    ASSERT_TRUE(second.ok()) << second.status().to_string();
    EXPECT_THAT(ask((*second)->port(), "GET /metrics"), HasSubstr("cdc_worker_info"));
}

// As under ThreadSanitizer: everything that a pipeline writes, while several scrape, and one endpoint goes.
TEST_F(EndpointTest, IsReadWhileThePipelinesWrite) {
    auto endpoint = open(anywhere());
    ASSERT_TRUE(endpoint.ok()) << endpoint.status().to_string();
    const int port = (*endpoint)->port();
    std::atomic<bool> done = false;
    std::thread writer([&] {
        for (std::int64_t i = 1; !done; ++i) {
            statistics.phase = static_cast<Phase>(i % 5);
            statistics.snapshot_began = i % 3;
            statistics.snapshot_ended = i % 2;
            statistics.snapshot_rows = statistics.run = statistics.run_rows = i;
            statistics.snapshot_pages = statistics.snapshot_pages_expected = i;
            statistics.run_percent = static_cast<int>(i % 100);
            statistics.events += 1;
            statistics.received_lsn = statistics.confirmed_lsn = static_cast<std::uint64_t>(i);
            statistics.sinks[0]->latency.record(i);
            statistics.sinks[0]->durable_lsn = statistics.sinks[0]->parked = static_cast<std::uint64_t>(i);
        }
    });
    std::vector<std::thread> scrapers;
    std::atomic<int> answered = 0;
    for (int i = 0; i < 3; ++i) {
        scrapers.emplace_back([&] {
            for (int scrape = 0; scrape < 50; ++scrape)
                answered += status_of(ask(port, "GET /metrics")) == "HTTP/1.1 200 OK" ? 1 : 0;
        });
    }
    for (std::thread& scraper : scrapers)
        scraper.join();
    EXPECT_EQ(answered, 150);
    (*endpoint).reset();
    done = true;
    writer.join();
    EXPECT_EQ(ask(port, "GET /metrics"), "");
}

}  // namespace
}  // namespace cdc::metrics
