#include "config/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "config/load.h"
#include "config/nearest.h"
#include "config/quantity.h"
#include "config/yaml_tree.h"

namespace cdc::config {
namespace {

using testing::IsEmpty;

std::string read(const std::string& file) {
    std::ifstream stream(std::string(CDC_SOURCE_DIR) + "/" + file);
    EXPECT_TRUE(stream) << file;
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

std::optional<std::string> any_secret(const std::string&) {
    return "x";
}

const char* const example = "worker/cdc-worker.example.yaml";

// The example with its commented-out keys ("#key: …") switched on.
std::string full_example() {
    return std::regex_replace(read(example), std::regex("#([a-z0-9_]+:)"), "$1");
}

// Adds the path of every key of a tree, as the option table writes it, with its place's text.
void collect(const YamlNode& node, const std::string& path, std::multimap<std::string, std::string>& found) {
    for (const YamlNode& item : node.items)
        collect(item, path + "[]", found);
    for (const YamlNode::Entry& entry : node.entries) {
        const std::string inner = path.empty() ? entry.key : path + "." + entry.key;
        found.emplace(inner, entry.value.text);
        const Option* option = find_option(inner);
        if (option == nullptr || option->type == Type::section || option->type == Type::sections)
            collect(entry.value, inner, found);
    }
}

TEST(Options, AreNamedOnceAndStandInSections) {
    std::set<std::string_view> seen;
    for (const Option& option : options()) {
        EXPECT_TRUE(seen.insert(option.path).second) << option.path;
        EXPECT_FALSE(option.description.empty()) << option.path;
        EXPECT_EQ(option.type == Type::choice, !option.words.empty()) << option.path;
        if (option.section().empty()) continue;
        std::string section(option.section());
        if (section.ends_with("[]")) section.resize(section.size() - 2);
        EXPECT_TRUE(seen.contains(section)) << option.path << " stands before its section";
    }
}

TEST(Options, HaveDefaultsThatTheyAccept) {
    for (const Option& option : options()) {
        if (option.default_text.empty()) continue;
        if (option.type == Type::choice) {
            EXPECT_THAT(option.words, testing::Contains(option.default_text)) << option.path;
        }
        if (option.type != Type::bytes && option.type != Type::duration) continue;
        const bool bytes = option.type == Type::bytes;
        const Quantity quantity =
            bytes ? parse_bytes(option.default_text) : parse_duration(option.default_text);
        EXPECT_EQ(quantity.error, "") << option.path;
        EXPECT_EQ(bytes ? format_bytes(quantity.value) : format_duration(quantity.value),
                  option.default_text);
        EXPECT_GE(quantity.value, option.minimum) << option.path;
        EXPECT_TRUE(option.maximum == 0 || quantity.value <= option.maximum) << option.path;
    }
}

TEST(Options, AreTheReferencesOneSource) {
    EXPECT_EQ(read("docs/configuration.md"), options_markdown())
        << "print it again: cdc-worker config --markdown > docs/configuration.md";
}

TEST(Example, IsAccepted) {
    const Loaded loaded = load_text(read(example), any_secret);
    EXPECT_TRUE(loaded.config);
    EXPECT_THAT(loaded.problems, IsEmpty()) << loaded.to_string(example);
}

TEST(Example, IsAcceptedWithEveryOptionSwitchedOn) {
    const Loaded loaded = load_text(full_example(), any_secret);
    EXPECT_TRUE(loaded.config);
    EXPECT_THAT(loaded.problems, IsEmpty()) << loaded.to_string(example);
}

TEST(Example, ShowsEveryOption) {
    Problems problems;
    std::multimap<std::string, std::string> found;
    collect(parse_yaml(full_example(), problems), "", found);
    for (const Option& option : options())
        EXPECT_TRUE(found.contains(std::string(option.path))) << option.path << " is not in " << example;
}

TEST(Example, CommentsOutDefaults) {
    Problems problems;
    std::multimap<std::string, std::string> on, all;
    collect(parse_yaml(read(example), problems), "", on);
    collect(parse_yaml(full_example(), problems), "", all);
    for (const auto& [path, text] : all) {
        const Option* option = find_option(path);
        if (on.contains(path) || option == nullptr || option->default_text.empty()) continue;
        EXPECT_EQ(text, option->default_text) << path;
    }
}

TEST(Nearest, FindsSlipsOfTheFinger) {
    const std::vector<std::string_view> words{"snapshot", "sinks", "name", "slot"};
    EXPECT_EQ(nearest("snapshoot", words), "snapshot");
    EXPECT_EQ(nearest("snaphsot", words), "snapshot");
    EXPECT_EQ(nearest("sink", words), "sinks");
    EXPECT_EQ(nearest("nmae", words), "name");
    EXPECT_EQ(nearest("slots", words), "slot");
    EXPECT_EQ(nearest("frobnicate", words), "");
    EXPECT_EQ(nearest("", words), "");
    EXPECT_EQ(nearest(std::string(1000, 's'), words), "");
}

}  // namespace
}  // namespace cdc::config
