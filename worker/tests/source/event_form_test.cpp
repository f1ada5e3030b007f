#include "source/event_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cdc::source {
namespace {

using config::OnFormChange;
using ::testing::HasSubstr;

const ServerForm server{"1.0", "shop primary"};

config::Source source() {
    config::Source made;
    made.masks = {"public.a.b:hash", "public.a.c:redact"};
    return made;
}

SinkPosition with(const std::string& form, bool streaming = true) {
    return {"kafka", true, SinkPosition::Stored{"7301", "shop", 1, "s", Lsn{0x100}, streaming, Lsn{}, form}};
}

TEST(EventForm, IsTheSameWhereTheBytesAre) {
    const std::string form = event_form(source(), server);
    EXPECT_THAT(form,
                HasSubstr("extension=1.0 cluster=shop_primary evidence=hash partition=leaf int8=number"));
    config::Source other = source();
    std::swap(other.masks[0], other.masks[1]);
    other.source_commit = "v2";
    other.batch_bytes = 0;
    EXPECT_EQ(event_form(other, server), form);
    other.cluster = "shop primary";
    EXPECT_EQ(event_form(other, {"1.0", "renamed"}), form) << "a name that is given is the name";
}

TEST(EventForm, TellsEveryOptionThatAltersBytes) {
    const std::string form = event_form(source(), server);
    const auto difference = [&](auto change) {
        config::Source other = source();
        change(other);
        return form_difference(event_form(other, server), form, Choice::counts);
    };
    EXPECT_EQ(difference([](config::Source& s) { s.int8 = "string"; }), "int8=string instead of int8=number");
    EXPECT_EQ(difference([](config::Source& s) { s.cluster = "x"; }),
              "cluster=x instead of cluster=shop_primary");
    EXPECT_NE(difference([](config::Source& s) { s.json = "string"; }), "");
    EXPECT_NE(difference([](config::Source& s) { s.partition = "root"; }), "");
    EXPECT_NE(difference([](config::Source& s) { s.evidence = "literal"; }), "");
    EXPECT_NE(difference([](config::Source& s) { s.max_value_bytes = 1; }), "");
    EXPECT_THAT(difference([](config::Source& s) { s.masks.pop_back(); }), HasSubstr("masks="));
    EXPECT_EQ(form_difference(event_form(source(), {"1.1", "shop primary"}), form, Choice::counts),
              "extension=1.1 instead of extension=1.0");
    EXPECT_EQ(form_difference(form + " new=1", form, Choice::counts), "new=1");
}

// (commit_lsn, seq) of the events behind would be other events'.
TEST(EventForm, WhichEventsThereAreMattersInTheMiddleOfATransaction) {
    config::Source before = source();
    before.include_tables = {"public.a"};
    SinkPosition whole = with(event_form(before, server));
    whole.stored->delivered_lsn = Lsn{0xC0};
    EXPECT_TRUE(check_form(event_form(source(), server), OnFormChange::fail, {whole}).ok());
    SinkPosition in_the_middle = whole;
    in_the_middle.stored->delivered_lsn = Lsn{0x180};
    const Status status = check_form(event_form(source(), server), OnFormChange::fail, {in_the_middle});
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(), HasSubstr("choice="));
    EXPECT_TRUE(check_form(event_form(before, server), OnFormChange::fail, {in_the_middle}).ok());
}

TEST(EventForm, AnotherOneIsRefusedUnlessAccepted) {
    const std::string now = event_form(source(), server);
    config::Source before = source();
    before.int8 = "string";
    const std::string old = event_form(before, server);
    const Status status = check_form(now, OnFormChange::fail, {with(now), with(old)});
    EXPECT_EQ(status.code(), StatusCode::fatal);
    EXPECT_THAT(status.message(),
                HasSubstr("sink kafka: events would have other bytes than those that it has: "
                          "int8=number instead of int8=string"));
    EXPECT_THAT(status.hint(), HasSubstr("on_form_change: accept"));
    EXPECT_TRUE(check_form(now, OnFormChange::accept, {with(old)}).ok());
    EXPECT_TRUE(check_form(now, OnFormChange::fail, {with(now), with(""), with(old, false)}).ok())
        << "none is known, or nothing was streamed";
}

}  // namespace
}  // namespace cdc::source
