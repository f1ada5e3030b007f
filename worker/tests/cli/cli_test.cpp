#include "cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "cli/exit_code.h"

namespace cdc::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::variant<Command, Exit> parsed(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "cdc-worker");
    return parse(static_cast<int>(arguments.size()), arguments.data());
}

Command command(std::vector<const char*> arguments) {
    const auto result = parsed(std::move(arguments));
    if (const auto* exit = std::get_if<Exit>(&result)) {
        ADD_FAILURE() << exit->text;
        return {};
    }
    return std::get<Command>(result);
}

Exit left(std::vector<const char*> arguments) {
    const auto result = parsed(std::move(arguments));
    EXPECT_TRUE(std::holds_alternative<Exit>(result));
    return std::holds_alternative<Exit>(result) ? std::get<Exit>(result) : Exit{};
}

TEST(Cli, ReadsRun) {
    const Command plain = command({"run", "-c", "w.yaml"});
    EXPECT_EQ(plain.verb, Verb::run);
    EXPECT_EQ(plain.config_file, "w.yaml");
    EXPECT_THAT(plain.pipelines, IsEmpty());
    EXPECT_FALSE(plain.progress);
    EXPECT_FALSE(plain.log_level);
    const Command full = command({"run", "--pipeline", "a", "--progress", "--config=w.yaml", "--log-level",
                                  "debug", "--pipeline", "b"});
    EXPECT_EQ(full.config_file, "w.yaml");
    EXPECT_THAT(full.pipelines, ElementsAre("a", "b"));
    EXPECT_TRUE(full.progress);
    EXPECT_EQ(full.log_level, "debug");
}

TEST(Cli, ReadsTheOtherCommands) {
    EXPECT_EQ(command({"check", "-c", "w"}).verb, Verb::check);
    EXPECT_EQ(command({"check", "-c", "w"}).report, Report::text);
    EXPECT_EQ(command({"check", "-c", "w", "--format", "json"}).report, Report::json);
    EXPECT_THAT(command({"check", "-c", "w", "--pipeline", "a"}).pipelines, ElementsAre("a"));
    EXPECT_EQ(command({"version"}).verb, Verb::version);
    EXPECT_EQ(command({"config", "--markdown"}).verb, Verb::config);
    EXPECT_EQ(command({"config"}).verb, Verb::config);
}

TEST(Cli, RefusesWrongArgumentsByName) {
    const std::vector<std::pair<std::vector<const char*>, const char*>> wrong{
        {{"frobnicate"}, "\"frobnicate\""},
        {{"run"}, "--config"},
        {{"run", "-c"}, "--config"},
        {{"run", "-c", "a", "-c", "b"}, "--config"},
        {{"run", "-c", "a", "--pipline", "b"}, "--pipline"},
        {{"run", "-c", "a", "extra"}, "extra"},
        {{"run", "-c", "a", "--pipeline", "b", "extra"}, "extra"},
        {{"run", "-c", "a", "--format", "json"}, "--format"},
        {{"run", "-c", "a", "--log-level", "loud"}, "trace, debug, info, warning, error"},
        {{"check", "-c", "a", "--format", "xml"}, "text, json"},
        {{"check", "-c", "a", "--progress"}, "--progress"},
        {{"version", "now"}, "now"},
        {{"run", "-c", "a", "check"}, "check"},
    };
    for (const auto& [arguments, named] : wrong) {
        const Exit exit = left(arguments);
        EXPECT_EQ(exit.code, exit_usage) << named;
        EXPECT_THAT(exit.text, HasSubstr(named));
        EXPECT_THAT(exit.text, HasSubstr("--help"));
    }
}

TEST(Cli, ShowsHelpOnEveryLevel) {
    EXPECT_EQ(left({}).code, exit_usage);
    EXPECT_THAT(left({}).text, HasSubstr("Subcommands:"));
    for (const char* flag : {"-h", "--help"}) {
        EXPECT_EQ(left({flag}).code, exit_ok);
        EXPECT_THAT(left({flag}).text, HasSubstr("Exit codes:"));
        for (const char* name : {"run", "check", "snapshot", "version", "config"}) {
            const Exit exit = left({name, flag});
            EXPECT_EQ(exit.code, exit_ok) << name;
            EXPECT_THAT(exit.text, HasSubstr(std::string("Usage: cdc-worker ") + name));
            EXPECT_THAT(exit.text, HasSubstr("Examples:\n  cdc-worker " + std::string(name)));
        }
    }
    for (const char* name : {"run", "check"})
        EXPECT_THAT(left({name, "--help"}).text, HasSubstr("Exit codes:")) << name;
    EXPECT_EQ(left({"--version"}).text, "cdc-worker " CDC_WORKER_VERSION "\n");
}

std::string read(const std::string& file) {
    std::ifstream stream(std::string(CDC_SOURCE_DIR) + "/" + file);
    EXPECT_TRUE(stream) << file;
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

std::set<std::string> long_options(const std::string& text) {
    std::set<std::string> found;
    const std::regex option("--[a-z][a-z-]*");
    for (auto match = std::sregex_iterator(text.begin(), text.end(), option); match != std::sregex_iterator();
         ++match)
        found.insert(match->str());
    return found;
}

// The options of every help text.
std::set<std::string> all_options() {
    std::set<std::string> found = long_options(left({"--help"}).text);
    for (const char* name : {"run", "check", "snapshot", "version", "config"})
        found.merge(long_options(left({name, "--help"}).text));
    return found;
}

TEST(ManualPage, KnowsTheSameOptions) {
    // roff: "\-" is a hyphen; the macro Fl sets the first one.
    std::string page = std::regex_replace(read("worker/man/cdc-worker.1"), std::regex(R"(\\-)"), "-");
    page = std::regex_replace(page, std::regex("Fl -"), "--");
    EXPECT_EQ(long_options(page), all_options());
}

TEST(ManualPage, KnowsTheExitCodes) {
    const std::string page = read("worker/man/cdc-worker.1");
    for (const int code : {int{exit_ok}, int{exit_failure}, int{exit_usage}, int{exit_findings}})
        EXPECT_THAT(page, HasSubstr("\n.It " + std::to_string(code) + "\n"));
    EXPECT_THAT(page,
                HasSubstr(".It " + std::to_string(exit_signalled + 1) + " , " +
                          std::to_string(exit_signalled + 2) + " , " + std::to_string(exit_signalled + 15)));
}

TEST(Completion, KnowsTheSameOptions) {
    EXPECT_EQ(long_options(read("worker/completion/cdc-worker.bash")), all_options());
}

// Standard output of a shell command, which must succeed.
std::string output(const std::string& script) {
    FILE* pipe = ::popen(script.c_str(), "r");
    std::string text;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe))
        text += static_cast<char>(c);
    EXPECT_EQ(::pclose(pipe), 0) << script;
    return text;
}

TEST(ManualPage, IsWellFormed) {
    if (std::system("command -v groff >/dev/null") != 0) GTEST_SKIP() << "groff is not installed";
    EXPECT_EQ(output("groff -ww -mandoc -Tascii " + std::string(CDC_SOURCE_DIR) +
                     "/worker/man/cdc-worker.1 2>&1 >/dev/null"),
              "");
}

// What bash offers for the last word.
std::string completed(const std::string& words) {
    const std::string script = "bash -c 'shopt -s extglob; source " + std::string(CDC_SOURCE_DIR) +
                               "/worker/completion/cdc-worker.bash; COMP_WORDS=(cdc-worker " + words +
                               "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _cdc_worker 2>/dev/null; echo "
                               "\"${COMPREPLY[*]}\"'";
    return output(script);
}

TEST(Completion, OffersWhatFits) {
    EXPECT_EQ(completed("\"\""), "run check snapshot version config --help --version\n");
    EXPECT_EQ(completed("c"), "check config\n");
    EXPECT_EQ(completed("run --p"), "--pipeline --progress\n");
    EXPECT_EQ(completed("check --f"), "--format\n");
    EXPECT_EQ(completed("check --format \"\""), "text json\n");
    EXPECT_EQ(completed("run --log-level w"), "warning\n");
    const std::string example = std::string(CDC_SOURCE_DIR) + "/worker/cdc-worker.example.yaml";
    EXPECT_EQ(completed("run -c " + example + " --pipeline \"\""), "booking trial\n");
    EXPECT_THAT(completed("run -c " + std::string(CDC_SOURCE_DIR) + "/worker/cdc-w"),
                HasSubstr(".example.yaml"));
}

}  // namespace
}  // namespace cdc::cli
