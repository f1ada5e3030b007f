// Preflight and the table catalogue on a real server.
#include "source/preflight.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "source/source_test.h"
#include "source/table_catalog.h"

namespace cdc::source {
namespace {

using ::testing::HasSubstr;

class PreflightOnServer : public SourceTest {
  protected:
    std::vector<Finding> check(const std::string& dsn) {
        config::Source source = source_;
        source.dsn = dsn;
        source.slot = slot_name();
        return check_source(source, snapshot_);
    }
    // The finding whose text holds `what`; an empty one where there is none.
    static Finding found(const std::vector<Finding>& findings, const std::string& what) {
        const auto at = std::ranges::find_if(
            findings, [&](const Finding& f) { return f.what.find(what) != std::string::npos; });
        return at == findings.end() ? Finding{} : *at;
    }
    config::Source source_;
    config::Snapshot snapshot_;
};

TEST_F(PreflightOnServer, a_server_set_up_right_has_no_error) {
    run("CREATE TABLE public.a (id int PRIMARY KEY)");
    for (const Finding& finding : check(dsn_)) {
        EXPECT_NE(finding.severity, Severity::error) << finding.what << " / " << finding.mend;
    }
    EXPECT_THAT(found(check(dsn_), "captured tables").what, HasSubstr(": 1"));
}

TEST_F(PreflightOnServer, each_line_that_mends_mends) {
    const std::string role = name_ + "_role";
    run("CREATE ROLE " + role +
        " LOGIN; CREATE TABLE public.\"no Key\" (id int);"
        "REVOKE ALL ON SCHEMA cdc_envelope FROM PUBLIC");
    const std::string dsn = dsn_ + " user=" + role;
    for (const char* what : {"no REPLICATION attribute", "may not use the extension's schema",
                             "can't be read", "no primary key"}) {
        const std::vector<Finding> findings = check(dsn);
        const Finding before = found(findings, what);
        ASSERT_NE(before.mend, "") << what << " is not among " << findings.size() << ", the first of them "
                                   << findings.front().what;
        // "…" stands for the columns, which only a person knows: the alternative is given after it.
        const auto alternative = before.mend.find("-- or: ");
        run(alternative == std::string::npos ? before.mend : before.mend.substr(alternative + 7));
        const Finding after = found(check(dsn), what);
        EXPECT_TRUE(after.what.empty() || after.mend != before.mend) << after.what;
    }
    run("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

// Nobody need make requests; a snapshot that resumes can't do without.
TEST_F(PreflightOnServer, a_right_on_the_requests_that_is_missing_is_told_before_one_waits_for_ever) {
    EXPECT_EQ(found(check(dsn_), "are taken").mend, "");
    const std::string role = name_ + "_reader";
    run("CREATE ROLE " + role + " LOGIN REPLICATION; GRANT USAGE ON SCHEMA cdc_envelope TO " + role +
        "; GRANT SELECT ON cdc_envelope.schema_history TO " + role);
    const std::string dsn = dsn_ + " user=" + role;
    const Finding untaken = found(check(dsn), "are not taken");
    EXPECT_EQ(untaken.severity, Severity::ok);
    snapshot_.resumable = config::Resumable::yes;
    const Finding refused = found(check(dsn), "snapshot.resumable");
    EXPECT_EQ(refused.severity, Severity::error);
    ASSERT_NE(untaken.mend, "");
    run(untaken.mend);
    EXPECT_NE(found(check(dsn), "snapshot.resumable").what, "") << "it makes requests too";
    ASSERT_NE(refused.mend, "");
    run(refused.mend);
    EXPECT_EQ(found(check(dsn), "snapshot.resumable").what, "");
    EXPECT_EQ(found(check(dsn), "are taken").severity, Severity::ok);
    EXPECT_NE(found(check(dsn), "are taken").what, "");
    run("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_F(PreflightOnServer, what_stands_in_the_way_is_found) {
    EXPECT_EQ(found(check(dsn_ + " port=1"), "failed").severity, Severity::error);
    run("DROP EXTENSION cdc_envelope");
    EXPECT_THAT(found(check(dsn_), "is not in the database").mend, HasSubstr("CREATE EXTENSION"));
    run("SELECT pg_create_logical_replication_slot('" + slot_name() + "', 'pgoutput')");
    EXPECT_EQ(found(check(dsn_), "\"pgoutput\"").severity, Severity::error);
    source_.publication_names = {"nosuch"};
    EXPECT_EQ(found(check(dsn_), "publication \"nosuch\"").severity, Severity::error);
}

TEST_F(PreflightOnServer, the_policy_that_holds_is_named_and_what_it_hides_is_not_looked_at) {
    run("CREATE TABLE public.a (id int PRIMARY KEY); CREATE TABLE public.keyless (id int)");
    EXPECT_THAT(found(check(dsn_), "slot policy").what, HasSubstr("it may emit every table"));
    EXPECT_NE(found(check(dsn_), "has no primary key").what, "");
    run("INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables) VALUES ('*', '{public.a}')");
    EXPECT_THAT(found(check(dsn_), "slot policy").what, HasSubstr("for \"*\" holds"));
    EXPECT_THAT(found(check(dsn_), "captured tables").what, HasSubstr(": 1"));
    EXPECT_EQ(found(check(dsn_), "has no primary key").what, "");
    run("UPDATE cdc_envelope.slot_policy SET slot_name = '" + slot_name() +
        "', publication_names = '{none}'");
    EXPECT_EQ(found(check(dsn_), "publication \"none\" does not exist").severity, Severity::error);
}

TEST_F(PreflightOnServer, definitions_are_those_of_their_version) {
    SqlTableCatalog catalog(dsn_, "cdc test");
    run("CREATE TABLE public.\"T t\" (id int PRIMARY KEY, price numeric(10,2) NOT NULL)");
    run("ALTER TABLE public.\"T t\" ADD COLUMN note text");
    const auto first = catalog.definition("public", "T t", 1);
    ASSERT_TRUE(first.ok()) << first.status().to_string();
    ASSERT_EQ(first->columns.size(), 2u);
    EXPECT_EQ(first->columns[1].name, "price");
    EXPECT_EQ(first->columns[1].type, "numeric(10,2)");
    EXPECT_FALSE(first->columns[1].nullable);
    EXPECT_EQ(first->key, std::vector<std::string>{"id"});
    const auto second = catalog.definition("public", "T t", 2);
    ASSERT_TRUE(second.ok()) << second.status().to_string();
    EXPECT_EQ(second->columns.size(), 3u);
    run("ALTER TABLE public.\"T t\" ADD COLUMN more text");
    const auto present = catalog.definition("public", "T t", 0);
    ASSERT_TRUE(present.ok()) << present.status().to_string();
    EXPECT_EQ(present->columns.size(), 4u);
    EXPECT_EQ(catalog.definition("public", "T t", 99).status().code(), StatusCode::retry)
        << "its commit may not be visible yet";
    run("DELETE FROM cdc_envelope.schema_history WHERE table_name = 'T t' AND version = 2");
    SqlTableCatalog another(dsn_, "cdc test");
    EXPECT_EQ(another.definition("public", "T t", 2).status().code(), StatusCode::fatal)
        << "a later one is there";
    EXPECT_EQ(catalog.definition("public", "nosuch", 0).status().code(), StatusCode::fatal);
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid "
        "<> "
        "pg_backend_pid()");
    EXPECT_TRUE(catalog.definition("public", "T t", 0).ok()) << "a broken idle connection is opened again";
}

}  // namespace
}  // namespace cdc::source
