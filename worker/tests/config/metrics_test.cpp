#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_texts.h"
#include "config/listen_address.h"
#include "config/load.h"

namespace cdc::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Of a file whose first line is metrics, with these keys.
std::string with_metrics(const std::string& keys) {
    return "metrics: {" + keys + "}\n" + minimal;
}

Metrics metrics_of(const std::string& keys) {
    const Loaded loaded = load(with_metrics(keys));
    EXPECT_TRUE(loaded.config) << loaded.to_string("f");
    return loaded.config ? loaded.config->metrics : Metrics{};
}

TEST(ListenAddress, IsAnAddressAndAPort) {
    const auto text = [](const std::string& written) {
        const auto parsed = parse_listen_address(written);
        return parsed ? parsed->text : "(none)";
    };
    EXPECT_EQ(text("127.0.0.1:9464"), "127.0.0.1:9464");
    EXPECT_EQ(text("[::1]:9464"), "[::1]:9464");
    EXPECT_EQ(text("localhost:09464"), "127.0.0.1:9464");
    EXPECT_EQ(text("0.0.0.0:0"), "0.0.0.0:0");
    EXPECT_EQ(text("[::]:65535"), "[::]:65535");
    // The last ones mean further addresses, or TLS, to the library.
    for (const char* wrong : {"",
                              "9464",
                              ":9464",
                              "127.0.0.1",
                              "127.0.0.1:",
                              "127.0.0.1:65536",
                              "127.0.0.1:-1",
                              "127.0.0.1:+1",
                              "127.0.0.1: 1",
                              "127.0.0.1:1 ",
                              " 127.0.0.1:1",
                              "127.0.0.1:99999999999999999999",
                              "::1:9464",
                              "[::1]",
                              "[::1]9464",
                              "[127.0.0.1]:1",
                              "[::1:1",
                              "[]:1",
                              "[:1",
                              "1.2.3:1",
                              "256.0.0.1:1",
                              "db1:9464",
                              "*:9464",
                              "http://127.0.0.1:1",
                              "127.0.0.1:1/metrics",
                              "127.0.0.1:1,2",
                              "127.0.0.1:1s",
                              "127.0.0.1:1r",
                              "+9464",
                              "127.0.0.1:1,127.0.0.2:2"})
        EXPECT_EQ(text(wrong), "(none)") << wrong;
}

TEST(ListenAddress, KnowsWhoReachesIt) {
    for (const char* here : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1", "[0:0::1]:1"})
        EXPECT_TRUE(parse_listen_address(here).value().loopback) << here;
    for (const char* all : {"0.0.0.0:1", "10.0.0.1:1", "126.0.0.1:1", "128.0.0.1:1", "[::]:1", "[fe80::1]:1"})
        EXPECT_FALSE(parse_listen_address(all).value().loopback) << all;
    EXPECT_TRUE(parse_listen_address("[::1]:1").value().ipv6);
    EXPECT_FALSE(parse_listen_address("127.0.0.1:1").value().ipv6);
}

TEST(Metrics, AreOffUnlessAnAddressIsGiven) {
    EXPECT_EQ(load(minimal).config.value().metrics.listen, "");
    EXPECT_EQ(metrics_of("").listen, "");
}

TEST(Metrics, AreBound) {
    const Metrics metrics =
        metrics_of("listen: \"0.0.0.0:9464\", username: prometheus, password: \"${PASSWORD}\"");
    EXPECT_EQ(metrics.listen, "0.0.0.0:9464");
    EXPECT_FALSE(metrics.loopback);
    EXPECT_EQ(metrics.username, "prometheus");
    EXPECT_EQ(metrics.password, "hunter2");
    EXPECT_TRUE(metrics_of("listen: \"[::1]:9464\"").ipv6);
    EXPECT_TRUE(metrics_of("listen: \"localhost:0\"").loopback);
}

TEST(Metrics, RefuseWhatIsWrong) {
    EXPECT_EQ(
        refused(with_metrics("listen: \"db1:9464\"")),
        "f:1:19: metrics.listen: \"db1:9464\" is not an address and a port to listen at (hint: write it like "
        "127.0.0.1:9464 or [::1]:9464, or 0.0.0.0:9464 for every address of this machine; names are not "
        "resolved)\n");
    for (const char* wrong : {"''", "9464", "\"127.0.0.1\"", "\"127.0.0.1:65536\"", "\":9464\""})
        EXPECT_THAT(refused(with_metrics(std::string("listen: ") + wrong)),
                    StartsWith("f:1:19: metrics.listen: "))
            << wrong;
    EXPECT_THAT(refused(with_metrics("lisen: \"127.0.0.1:1\"")), HasSubstr("did you mean \"listen\""));
    const std::string listen = "listen: \"127.0.0.1:1\", ";
    EXPECT_THAT(refused(with_metrics(listen + "username: a")),
                HasSubstr("f:1:44: metrics.username: username without password"));
    EXPECT_THAT(refused(with_metrics(listen + "password: \"${PASSWORD}\"")),
                HasSubstr("metrics.password: password without username"));
    EXPECT_THAT(refused(with_metrics(listen + "username: a, password: ''")),
                HasSubstr("metrics.password: the password is empty"));
    EXPECT_THAT(refused(with_metrics(listen + "username: a, password: \"${NONE:-}\"")),
                HasSubstr("metrics.password: the password is empty"));
    for (const char* name : {"'a:b'", "''", "\"a\\nb\""})
        EXPECT_THAT(refused(with_metrics(listen + "password: x, username: " + name)),
                    HasSubstr("is not a user's name"))
            << name;
    EXPECT_THAT(refused(with_metrics("username: a, password: b")),
                HasSubstr("there is nothing to protect without listen"));
}

TEST(Metrics, NeverShowThePassword) {
    const Loaded loaded =
        load(with_metrics("listen: nowhere, username: 'a:b', password: \"${PASSWORD}\", more: 1"));
    EXPECT_FALSE(loaded.config);
    EXPECT_THAT(loaded.to_string("f"),
                AllOf(HasSubstr("metrics.listen"), HasSubstr("metrics.username"), Not(HasSubstr("hunter2"))));
}

}  // namespace
}  // namespace cdc::config
