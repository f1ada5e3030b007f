#include "config/dsn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace cdc::config {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Dsn, ReadsKeywords) {
    const Dsn dsn =
        parse_dsn(R"(host=/var/run  dbname = 'my db' user='it\'s' password=a\ b\\c port='' user=last)");
    ASSERT_TRUE(dsn.valid) << dsn.error;
    EXPECT_EQ(dsn.get("host"), "/var/run");
    EXPECT_EQ(dsn.get("dbname"), "my db");
    EXPECT_EQ(dsn.get("password"), "a b\\c");
    EXPECT_EQ(dsn.get("port"), "");
    EXPECT_EQ(dsn.get("user"), "last");
    EXPECT_TRUE(parse_dsn("").valid);
    EXPECT_TRUE(parse_dsn(" \n host=a\n\tdbname=b ").valid);
}

TEST(Dsn, ReadsUris) {
    const Dsn dsn = parse_dsn(
        "postgresql://c%64c:p%40ss%2Fw@h1:5433,[2001:db8::1]:5434/sh%20op?sslmode=require&password=x");
    ASSERT_TRUE(dsn.valid) << dsn.error;
    EXPECT_EQ(dsn.get("user"), "cdc");
    EXPECT_EQ(dsn.parameters.at(1).value, "p@ss/w");
    EXPECT_EQ(dsn.get("password"), "x");
    EXPECT_EQ(dsn.get("host"), "h1,2001:db8::1");
    EXPECT_EQ(dsn.get("port"), "5433,5434");
    EXPECT_EQ(dsn.get("dbname"), "sh op");
    EXPECT_EQ(dsn.get("sslmode"), "require");
    EXPECT_EQ(parse_dsn("postgres:///shop?host=/var/run").get("host"), "/var/run");
    EXPECT_EQ(parse_dsn("postgres:///shop?host=/var/run").get("dbname"), "shop");
    for (const char* text :
         {"postgresql://", "postgres://h", "postgres://u@", "postgres://h/", "postgres://h?user=a@b"})
        EXPECT_TRUE(parse_dsn(text).valid) << text;
}

TEST(Dsn, RefusesWhatIsNone) {
    for (const char* text :
         {"shop", "host", "host=a shop", "=a", "host=a =b", "password='open", R"(password='open\')",
          "postgres://h/d?x", "postgres://h/d?a=1&b", "postgres://h/%zz", "postgres://h/%0",
          "postgres://h/%00", "postgres://h:p/d", "postgres://u:p@ss@h/d", "postgres://u:pa/ss@h/d",
          "postgres://u:pa?x=/ss@h/d"}) {
        EXPECT_FALSE(parse_dsn(text).valid) << text;
        EXPECT_EQ(redact_dsn(text), "(not a valid connection string)") << text;
    }
}

TEST(Dsn, HidesSecretsAndNothingElse) {
    EXPECT_EQ(redact_dsn("host=a password='s e' user=b sslpassword=t password=u"),
              "host=a password=*** user=b sslpassword=*** password=***");
    EXPECT_EQ(redact_dsn("postgresql://cdc:secret@h:1/d?sslpassword=x&sslmode=require"),
              "postgresql://cdc:***@h:1/d?sslpassword=***&sslmode=require");
    EXPECT_EQ(redact_dsn("postgresql://h/d?pass%77ord=x"), "postgresql://h/d?pass%77ord=***");
    EXPECT_EQ(redact_dsn("host=a dbname=b"), "host=a dbname=b");
    EXPECT_EQ(redact_dsn("postgres://u@h/d"), "postgres://u@h/d");
    EXPECT_EQ(redact_dsn(""), "");
}

TEST(Dsn, ErrorsQuoteNothing) {
    for (const char* text : {"password=hunter2 hunter2", "password='hunter2", "postgres://u:hunter2/@h/d",
                             "postgres://u:%zzhunter2@h"})
        EXPECT_THAT(parse_dsn(text).error, Not(HasSubstr("hunter2"))) << text;
}

std::string in_quotes(const std::string& value) {
    std::string text = "'";
    for (const char c : value)
        text += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string{c};
    return text + "'";
}

std::string percent_encoded(const std::string& value) {
    constexpr char hex[] = "0123456789ABCDEF";
    std::string text;
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        text += {'%', hex[byte >> 4], hex[byte & 15]};
    }
    return text;
}

// A password of any bytes is read back and never shown, in both forms.
TEST(Dsn, HidesEveryPassword) {
    std::mt19937 random(1);
    const std::string alphabet = "ab'\\ =@/:?&%#,[]\t\n\"$\xc3\xa9*";
    for (int i = 0; i < 5000; ++i) {
        std::string password = "Z";
        for (unsigned length = random() % 12; length > 0; --length)
            password += alphabet[random() % alphabet.size()];
        password += "Z";
        for (const std::string& text :
             {"host=h password=" + in_quotes(password) + " dbname=d", "password =" + in_quotes(password),
              "postgres://u:" + percent_encoded(password) + "@h/d",
              "postgres:///d?password=" + percent_encoded(password)}) {
            const Dsn dsn = parse_dsn(text);
            ASSERT_TRUE(dsn.valid) << text << ": " << dsn.error;
            ASSERT_EQ(dsn.get("password"), password) << text;
            ASSERT_THAT(redact_dsn(text), Not(HasSubstr("Z"))) << text;
            ASSERT_THAT(redact_dsn(text), Not(HasSubstr("%5A"))) << text;
            ASSERT_THAT(redact_dsn(text), HasSubstr("***"));
        }
    }
}

// Mangled as people mangle it (unencoded, unquoted, cut): shown is either a text without the password or
// nothing.
TEST(Dsn, ShowsNoPasswordOfAMangledUri) {
    std::mt19937 random(2);
    const std::string marks = "@/:@/:?&%";
    for (int i = 0; i < 20'000; ++i) {
        std::string password = "ZZ";
        for (int inserted = 0; inserted < 2; ++inserted)
            password.insert(1, 1, marks[random() % marks.size()]);
        const std::string text = "postgres://user:" + password + "@host:5432/db";
        const std::string shown = redact_dsn(text);
        ASSERT_THAT(shown, Not(HasSubstr("Z"))) << text;
    }
}

TEST(Dsn, TellsServersApart) {
    const auto server = [](const char* text) { return server_of(parse_dsn(text)); };
    EXPECT_EQ(server("host=a dbname=x user=u"), server("host=a port=5432 dbname=y password=p"));
    EXPECT_EQ(server("host=a port=5433"), server("postgres://a:5433/x"));
    EXPECT_NE(server("host=a"), server("host=b"));
    EXPECT_NE(server("host=a"), server("host=a port=5433"));
    EXPECT_NE(server("service=a"), server("service=b"));
}

}  // namespace
}  // namespace cdc::config
