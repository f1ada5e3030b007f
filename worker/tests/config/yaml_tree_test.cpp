#include "config/yaml_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc::config {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

YamlNode parsed(const std::string& text) {
    Problems problems;
    YamlNode node = parse_yaml(text, problems);
    EXPECT_THAT(problems, IsEmpty()) << problems.front().to_string("test");
    return node;
}

Problem refused(const std::string& text) {
    Problems problems;
    parse_yaml(text, problems);
    EXPECT_THAT(problems, SizeIs(1)) << text;
    return problems.empty() ? Problem{} : problems.front();
}

TEST(YamlTree, KnowsWhereEverythingStands) {
    const YamlNode node = parsed("log:\n  level: info\npipelines:\n  - name: a\n");
    EXPECT_EQ(node.entries.at(1).place.line, 3);
    const YamlNode* level = node.find("log")->find("level");
    EXPECT_EQ(level->text, "info");
    EXPECT_EQ(level->place.line, 2);
    EXPECT_EQ(level->place.column, 10);
    EXPECT_EQ(node.find("pipelines")->items.at(0).find("name")->place.line, 4);
    EXPECT_EQ(node.find("nothing"), nullptr);
}

TEST(YamlTree, TellsNothingFromAnEmptyText) {
    const YamlNode node = parsed("a:\nb: ~\nc: null\nd: ''\ne: 'null'\n");
    for (const char* key : {"a", "b", "c"})
        EXPECT_EQ(node.find(key)->kind, YamlNode::Kind::null) << key;
    for (const char* key : {"d", "e"})
        EXPECT_EQ(node.find(key)->kind, YamlNode::Kind::scalar) << key;
}

TEST(YamlTree, ReadsJson) {
    const YamlNode node = parsed("{\"a\": [1, true, \"x\\ty\"], \"b\": {}}");
    EXPECT_EQ(node.find("a")->items.at(2).text, "x\ty");
    EXPECT_EQ(node.find("b")->kind, YamlNode::Kind::map);
}

TEST(YamlTree, ExpandsAliasesAndMergesMaps) {
    const YamlNode node = parsed(
        "base: &base {x: 1, y: 2}\n"
        "one: {<<: *base, y: 3}\n"
        "two: *base\n"
        "three: {<<: [*base, {y: 9, z: 4}], x: 0}\n");
    EXPECT_EQ(node.find("one")->find("x")->text, "1");
    EXPECT_EQ(node.find("one")->find("y")->text, "3");
    EXPECT_THAT(node.find("one")->entries, SizeIs(2));
    EXPECT_EQ(node.find("two")->find("y")->text, "2");
    EXPECT_EQ(node.find("three")->find("x")->text, "0");
    EXPECT_EQ(node.find("three")->find("y")->text, "2");  // the first map that has it
    EXPECT_EQ(node.find("three")->find("z")->text, "4");
    EXPECT_THAT(refused("a: 1\nb: {<<: 5}").message, HasSubstr("\"<<\" takes a map"));
}

TEST(YamlTree, RefusesADuplicateKeyAtItsPlace) {
    const Problem problem = refused("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n");
    EXPECT_EQ(problem.to_string("f"),
              "f:5:3: c: duplicate key, first given in line 3 (hint: remove one of the two)");
}

TEST(YamlTree, SaysWhereYamlIsBroken) {
    const Problem problem = refused("pipelines:\n  - name: [broken\n");
    EXPECT_THAT(problem.message, HasSubstr("broken YAML: "));
    EXPECT_EQ(problem.place.line, 2);
    EXPECT_GT(refused("a: 'open\n").place.line, 0);
    EXPECT_GT(refused("a: \"open\nb: c\n \n").place.line, 0);
    EXPECT_GT(refused("a: b: c\n").place.line, 0);
    EXPECT_GT(refused("\tx: 1").place.line, 0);
    EXPECT_THAT(refused("a: 1\n---\nb: 2\n").message, HasSubstr("second YAML document"));
}

TEST(YamlTree, DoesNotQuoteWhatMayBeASecret) {
    EXPECT_THAT(refused("password: *hunter2\n").to_string("f"), Not(HasSubstr("hunter2")));
    EXPECT_THAT(refused("password: \"a\\qhunter2\"\n").to_string("f"), Not(HasSubstr("hunter2")));
}

TEST(YamlTree, BoundsWhatAliasesGrowTo) {
    std::string text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
    for (int i = 1; i < 20; ++i) {
        const std::string before = "*a" + std::to_string(i - 1);
        text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
        for (int j = 1; j < 10; ++j)
            text += ", " + before;
        text += "]\n";
    }
    EXPECT_THAT(refused(text).message, HasSubstr("more than 100000 values"));
    EXPECT_THAT(refused("a: &a [*a]").message, HasSubstr("inside of what it stands for"));
}

std::string list_of(std::size_t items) {
    std::string text = "[1";
    for (std::size_t i = 1; i < items; ++i)
        text += ",1";
    return text + "]";
}

TEST(YamlTree, CountsEveryValueOnceAndAliasesInFull) {
    EXPECT_THAT(parsed(list_of(max_nodes - 1)).items, SizeIs(max_nodes - 1));
    EXPECT_THAT(refused(list_of(max_nodes)).message, HasSubstr("more than 100000 values"));
    const std::string two = "a: &a " + list_of(40'000) + "\nb: *a\n";
    EXPECT_THAT(parsed(two).entries, SizeIs(2));
    EXPECT_THAT(refused(two + "c: *a\n").message, HasSubstr("more than 100000 values"));
}

TEST(YamlTree, BoundsDepthAndSize) {
    EXPECT_THAT(refused(std::string(40, '[')).message, HasSubstr("nested more than 32 deep"));
    EXPECT_THAT(refused(std::string(100'000, '[')).message, Not(IsEmpty()));
    EXPECT_THAT(refused("# " + std::string(max_file_bytes, 'x')).message,
                HasSubstr("bytes, at most 1048576"));
    parsed("# " + std::string(max_file_bytes - 3, 'x'));
}

// Whatever the bytes: an answer, and neither a crash nor an exception.
TEST(YamlTree, AnswersEveryInput) {
    const std::string good = "log: {level: info}\npipelines:\n  - &p name: \"a\\n\"\n    x: [1, *p, 'q']\n";
    std::uint64_t state = 1;
    for (int i = 0; i < 5'000; ++i) {
        std::string text = good;
        for (int edits = 0; edits < 4; ++edits) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            const std::size_t at = (state >> 33) % text.size();
            const auto byte = static_cast<char>(state >> 20);
            if (state & 1) {
                text[at] = byte;
            } else {
                text.insert(at, 1, "{}[]:-&*!|>'\"%@`,?# \n\t<"[(state >> 12) % 24]);
            }
        }
        Problems problems;
        parse_yaml(text, problems);
    }
}

}  // namespace
}  // namespace cdc::config
