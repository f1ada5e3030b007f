#include "config/expand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace cdc::config {
namespace {

using testing::HasSubstr;
using testing::Not;

Expansion expanded(const std::string& text) {
    return expand(text, [](const std::string& name) -> std::optional<std::string> {
        if (name == "USER_") return "cdc";
        if (name == "PASSWORD") return "p: ${USER_} $${x} # \"";
        if (name == "EMPTY") return "";
        return std::nullopt;
    });
}

TEST(Expand, ReplacesVariables) {
    EXPECT_EQ(expanded("user=${USER_}").text, "user=cdc");
    EXPECT_EQ(expanded("${USER_}${USER_}-").text, "cdccdc-");
    EXPECT_EQ(expanded("[${EMPTY}]").text, "[]");
    EXPECT_TRUE(expanded("${EMPTY}").error.empty());
    EXPECT_TRUE(expanded("a${USER_}").has_variable);
    EXPECT_FALSE(expanded("a").has_variable);
}

TEST(Expand, TakesAValueAsItIs) {
    EXPECT_EQ(expanded("${PASSWORD}").text, "p: ${USER_} $${x} # \"");
}

TEST(Expand, TakesDefaults) {
    EXPECT_EQ(expanded("${NONE:-5432}").text, "5432");
    EXPECT_EQ(expanded("${EMPTY:-5432}").text, "5432");
    EXPECT_EQ(expanded("${USER_:-5432}").text, "cdc");
    EXPECT_EQ(expanded("[${NONE:-}]").text, "[]");
}

TEST(Expand, LeavesOtherDollarsAlone) {
    EXPECT_EQ(expanded("$${USER_}").text, "${USER_}");
    EXPECT_EQ(expanded("$$${USER_}").text, "$${USER_}");
    EXPECT_EQ(expanded("a$ $USER_ $$ }").text, "a$ $USER_ $$ }");
    EXPECT_EQ(expanded("").text, "");
}

TEST(Expand, NamesAVariableThatIsNotSet) {
    const Expansion result = expanded("password=secret${NONE}");
    EXPECT_EQ(result.error, "environment variable NONE is not set");
    EXPECT_THAT(result.hint, HasSubstr("${NONE:-default}"));
    EXPECT_THAT(result.error + result.hint, Not(HasSubstr("secret")));
}

TEST(Expand, RefusesBrokenReferences) {
    EXPECT_THAT(expanded("${USER_").error, HasSubstr("without \"}\""));
    for (const char* text : {"${}", "${1A}", "${A B}", "${A-x}", "${:-x}"})
        EXPECT_THAT(expanded(text).error, HasSubstr("is not the name of an environment variable")) << text;
}

TEST(Expand, ReadsTheProcessEnvironment) {
    ::setenv("CDC_EXPAND_TEST", "here", 1);
    EXPECT_EQ(expand("${CDC_EXPAND_TEST}", process_environment()).text, "here");
    ::unsetenv("CDC_EXPAND_TEST");
    EXPECT_FALSE(expand("${CDC_EXPAND_TEST}", process_environment()).error.empty());
}

}  // namespace
}  // namespace cdc::config
