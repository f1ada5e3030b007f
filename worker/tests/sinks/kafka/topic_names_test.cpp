#include "sinks/kafka/topic_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

namespace cdc::kafka {
namespace {

bool legal(const std::string& topic) {
    return !topic.empty() && topic.size() <= longest_topic &&
           std::all_of(topic.begin(), topic.end(), [](unsigned char byte) {
               return std::isalnum(byte) || byte == '.' || byte == '_' || byte == '-';
           });
}

TEST(TopicNames, CommonNamesStayAsTheyAre) {
    EXPECT_EQ(table_topic("shop", "public", "order_items"), "shop.public.order_items");
    EXPECT_EQ(table_topic("shop.eu", "Sales-2026", "Orders"), "shop.eu.Sales-2026.Orders");
    EXPECT_EQ(schema_topic("shop"), "shop._schema");
    EXPECT_EQ(message_topic("shop"), "shop._messages");
    EXPECT_EQ(transaction_topic("shop"), "shop._transactions");
}

TEST(TopicNames, OtherBytesAndTheEscapeItselfAreEscaped) {
    EXPECT_EQ(encode_topic_part("a.b"), "a_x2eb");
    EXPECT_EQ(encode_topic_part("a b"), "a_x20b");
    EXPECT_EQ(encode_topic_part("é"), "_xc3_xa9");
    EXPECT_EQ(encode_topic_part("a_x2eb"), "a_x5fx2eb");
    EXPECT_EQ(encode_topic_part("tax_x"), "tax_x5fx");
    EXPECT_EQ(encode_topic_part("_"), "_");
    EXPECT_EQ(encode_topic_part("__x"), "__x5fx");
    EXPECT_EQ(encode_topic_part("_X41"), "_X41") << "only the lower-case x makes an escape";
}

TEST(TopicNames, NamesThatLookAlikeGetTopicsOfTheirOwn) {
    EXPECT_NE(table_topic("p", "a.b", "c"), table_topic("p", "a", "b.c"));
    EXPECT_NE(table_topic("p", "a", "b.c"), table_topic("p", "a", "b_x2ec"));
    EXPECT_NE(table_topic("p", "a", "b c"), table_topic("p", "a", "b_c"));
}

// Names of 1 to 63 bytes (NAMEDATALEN) from an alphabet that provokes collisions: the escape's own letters,
// dots, what is not allowed.
TEST(TopicNames, NoTwoTablesShareATopic) {
    std::mt19937 random(20260207);
    const std::string alphabet = "_x25e.h-\xc3";
    std::map<std::string, std::pair<std::string, std::string>> seen;
    const auto make_name = [&] {
        const bool long_one = random() % 4 == 0;
        std::string name(1 + random() % (long_one ? 63 : 4), '.');
        for (char& byte : name) {
            if (!long_one || random() % 4 == 0) byte = alphabet[random() % alphabet.size()];
        }
        return name;
    };
    std::size_t cut = 0;
    for (int i = 0; i < 60000; ++i) {
        const auto table = std::pair(make_name(), make_name());
        const std::string topic = table_topic("p", table.first, table.second);
        ASSERT_TRUE(legal(topic)) << topic;
        cut += topic.find("_xh") != std::string::npos;
        const auto [at, added] = seen.emplace(topic, table);
        ASSERT_TRUE(added || at->second == table)
            << table.first << '.' << table.second << " and " << at->second.first << '.' << at->second.second;
    }
    EXPECT_GT(cut, 100U) << "the test must reach names that are cut";
}

TEST(TopicNames, LongTopicsAreCutToKafkasLimitAndKeepApart) {
    const std::string schema(63, '.');
    const std::string left = table_topic("prefix", schema, std::string(63, '+') + "1");
    const std::string right = table_topic("prefix", schema, std::string(63, '+') + "2");
    EXPECT_EQ(left.size(), longest_topic);
    EXPECT_EQ(right.size(), longest_topic);
    EXPECT_EQ(left.substr(0, 200), right.substr(0, 200));
    EXPECT_NE(left, right);
}

// A table that is named like the cut topic of another.
TEST(TopicNames, ACutTopicCannotBeForgedByATablesName) {
    const std::string cut = table_topic("p", std::string(63, '.'), "t");
    ASSERT_EQ(cut.size(), longest_topic);
    const std::string marker = cut.substr(cut.rfind("_xh"));
    EXPECT_EQ(encode_topic_part(marker).rfind("_x5fxh", 0), 0U) << "the marker can't come out of a name";
}

TEST(TopicNames, AWrongPrefixIsRefusedWithTheWayOut) {
    EXPECT_TRUE(check_topic_prefix("a.b-c_D9").ok());
    for (const std::string& prefix : {std::string(), std::string("a b"), std::string("a/b"), std::string("é"),
                                      std::string(longest_topic_prefix + 1, 'a')}) {
        const Status status = check_topic_prefix(prefix);
        EXPECT_EQ(status.code(), StatusCode::fatal) << prefix;
        EXPECT_THAT(status.hint(), testing::HasSubstr("topic_prefix"));
    }
}

}  // namespace
}  // namespace cdc::kafka
