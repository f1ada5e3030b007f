#include "source/preflight_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace cdc::source {
namespace {

using config::SnapshotMode;
using ::testing::HasSubstr;
using Findings = std::vector<Finding>;

ServerFacts good_server() {
    ServerFacts facts;
    facts.version = 150020;
    facts.role = "cdc";
    facts.database = "shop";
    facts.may_replicate = true;
    facts.wal_level = "logical";
    facts.output_plugin_libraries = "pgoutput, test_decoding, cdc_envelope";
    facts.max_slots = 10;
    facts.max_walsenders = 10;
    facts.wal_sender_timeout = std::chrono::seconds(60);
    facts.max_slot_wal_keep_mb = 1024;
    facts.local = true;
    facts.extension_version = "1.0";
    facts.extension_available = "1.0";
    facts.extension_usable = true;
    return facts;
}

Findings troubles(Findings findings) {
    std::erase_if(findings, [](const Finding& finding) { return finding.severity == Severity::ok; });
    return findings;
}

Findings server_troubles(const ServerFacts& facts) {
    return troubles(judge_server(facts, config::Source{}, SnapshotMode::initial));
}

void expect_one(const Findings& findings, Severity severity, const std::string& what,
                const std::string& mend) {
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].severity, severity);
    EXPECT_THAT(findings[0].what, HasSubstr(what));
    EXPECT_THAT(findings[0].mend, HasSubstr(mend));
}

TEST(Preflight, a_good_server_has_no_trouble) {
    EXPECT_TRUE(server_troubles(good_server()).empty());
    EXPECT_TRUE(troubles(judge_extension(good_server(), SnapshotMode::initial)).empty());
    EXPECT_TRUE(troubles(judge_capacity(good_server(), std::nullopt, SnapshotMode::initial)).empty());
}

TEST(Preflight, the_allow_list_is_read_name_by_name) {
    ServerFacts facts = good_server();
    facts.output_plugin_libraries = "pgoutput, test_decoding";
    expect_one(server_troubles(facts), Severity::error, "does not list cdc_envelope",
               "output_plugin_libraries = pgoutput, test_decoding, cdc_envelope;");
    facts.output_plugin_libraries = "my_cdc_envelope,cdc_envelope2";
    EXPECT_EQ(server_troubles(facts).size(), 1u);
    facts.output_plugin_libraries = "\"pgoutput\",\"cdc_envelope\"";
    EXPECT_TRUE(server_troubles(facts).empty());
    facts.output_plugin_libraries = "\"pgoutput, test_decoding, cdc_envelope\"";
    EXPECT_TRUE(server_troubles(facts).size() == 1u) << "one quoted name is not a list";
    facts.output_plugin_libraries.reset();
    facts.version = 150018;
    EXPECT_TRUE(server_troubles(facts).empty());
    const Findings findings = judge_server(facts, config::Source{}, SnapshotMode::initial);
    EXPECT_TRUE(std::ranges::any_of(
        findings, [](const Finding& f) { return f.what.find("has no output_plugin") != std::string::npos; }));
    EXPECT_FALSE(knows_plugin_setting(150018) || knows_plugin_setting(130023) ||
                 knows_plugin_setting(180005));
    EXPECT_TRUE(knows_plugin_setting(150019) && knows_plugin_setting(180006) && knows_plugin_setting(190000));
}

TEST(Preflight, wal_level_role_and_version) {
    ServerFacts facts = good_server();
    facts.wal_level = "replica";
    expect_one(server_troubles(facts), Severity::error, "wal_level is replica", "wal_level = logical;");
    facts = good_server();
    facts.may_replicate = false;
    expect_one(server_troubles(facts), Severity::error, "REPLICATION", "ALTER ROLE \"cdc\" REPLICATION;");
    facts = good_server();
    facts.version = 120022;
    expect_one(server_troubles(facts), Severity::error, "too old", "upgrade");
    facts.version = 150015;
    expect_one(server_troubles(facts), Severity::warning, "known bug", "upgrade to 15.16");
    facts.version = 190000;
    expect_one(server_troubles(facts), Severity::warning, "newer", "newer worker");
}

TEST(Preflight, a_standby_needs_16) {
    ServerFacts facts = good_server();
    facts.standby = true;
    expect_one(server_troubles(facts), Severity::error, "standby", "primary");
    facts.version = 160015;
    expect_one(server_troubles(facts), Severity::warning, "standby", "pg_log_standby_snapshot");
}

TEST(Preflight, timeouts_and_encryption) {
    ServerFacts facts = good_server();
    facts.wal_sender_timeout = std::chrono::milliseconds(0);
    expect_one(server_troubles(facts), Severity::warning, "wal_sender_timeout is 0", "wal_sender_timeout");
    facts.wal_sender_timeout = std::chrono::milliseconds(2999);
    expect_one(server_troubles(facts), Severity::warning, "three times", "feedback_interval");
    facts = good_server();
    facts.local = false;
    expect_one(server_troubles(facts), Severity::warning, "not encrypted", "sslmode=verify-full");
    facts.encrypted = true;
    EXPECT_TRUE(server_troubles(facts).empty());
}

TEST(Preflight, a_snapshot_needs_two_slots_for_a_moment) {
    ServerFacts facts = good_server();
    facts.used_slots = 9;
    expect_one(troubles(judge_capacity(facts, std::nullopt, SnapshotMode::initial)), Severity::error,
               "1 of 10 replication slots are free, 2 are needed", "max_replication_slots = 16;");
    EXPECT_TRUE(troubles(judge_capacity(facts, std::nullopt, SnapshotMode::never)).empty());
    facts.used_slots = 10;
    EXPECT_TRUE(troubles(judge_capacity(facts, SlotState{}, SnapshotMode::initial)).empty());
    facts.used_slots = 9;
    EXPECT_TRUE(troubles(judge_capacity(facts, std::nullopt, SnapshotMode::initial, true)).empty())
        << "an interrupted snapshot has its first slot";
}

TEST(Preflight, a_walsender_is_needed_unless_we_hold_one) {
    ServerFacts facts = good_server();
    facts.used_walsenders = 10;
    expect_one(troubles(judge_capacity(facts, SlotState{}, SnapshotMode::initial)), Severity::error,
               "0 of 10 WAL senders", "max_wal_senders = 16;");
    SlotState ours;
    ours.active = true;
    EXPECT_TRUE(troubles(judge_capacity(facts, ours, SnapshotMode::initial)).empty());
}

TEST(Preflight, the_extension_is_needed_for_a_snapshot) {
    ServerFacts facts = good_server();
    facts.extension_version.clear();
    expect_one(judge_extension(facts, SnapshotMode::initial), Severity::error, "\"shop\"",
               "CREATE EXTENSION");
    expect_one(judge_extension(facts, SnapshotMode::never), Severity::warning, "schema_version will be 0",
               "CREATE EXTENSION");
    facts.extension_available.clear();
    expect_one(judge_extension(facts, SnapshotMode::never), Severity::error, "machine", "make install");
}

TEST(Preflight, the_extensions_version_rights_and_triggers) {
    ServerFacts facts = good_server();
    facts.extension_available = "1.1";
    expect_one(troubles(judge_extension(facts, SnapshotMode::initial)), Severity::warning, "1.1",
               "ALTER EXTENSION");
    facts = good_server();
    facts.extension_usable = false;
    expect_one(troubles(judge_extension(facts, SnapshotMode::initial)), Severity::error, "may not use",
               "GRANT USAGE ON SCHEMA cdc_envelope TO \"cdc\"");
    facts = good_server();
    facts.disabled_triggers = {"cdc_ddl"};
    expect_one(troubles(judge_extension(facts, SnapshotMode::initial)), Severity::warning, "cdc_ddl",
               "ALTER EVENT TRIGGER \"cdc_ddl\" ENABLE");
}

TEST(Preflight, the_slot) {
    EXPECT_TRUE(troubles(judge_slot("s", std::nullopt, "shop", SnapshotMode::initial)).empty());
    SlotState slot;
    slot.name = "s";
    slot.plugin = "pgoutput";
    slot.database = "shop";
    expect_one(judge_slot("s", slot, "shop", SnapshotMode::initial), Severity::error, "pgoutput",
               "pg_drop_replication_slot('s')");
    slot.plugin = plugin_name;
    EXPECT_TRUE(troubles(judge_slot("s", slot, "shop", SnapshotMode::initial)).empty());
    slot.wal_status = "lost";
    for (const SnapshotMode mode : {SnapshotMode::always, SnapshotMode::when_needed})
        expect_one(judge_slot("s", slot, "shop", mode), Severity::warning, "invalidated", "new snapshot");
    expect_one(judge_slot("s", slot, "shop", SnapshotMode::initial), Severity::error, "invalidated",
               "pg_drop_replication_slot('s')");
    slot.wal_status = "reserved";
    slot.active = true;
    slot.active_pid = 77;
    expect_one(judge_slot("s", slot, "shop", SnapshotMode::initial), Severity::warning, "process 77",
               "pg_terminate_backend(77)");
}

TEST(Preflight, the_slot_of_an_interrupted_snapshot) {
    EXPECT_TRUE(judge_kept_slot(std::nullopt, false, 0, SnapshotMode::initial).empty());
    SlotState kept;
    kept.name = "s_snapshot_1";
    expect_one(judge_kept_slot(kept, false, 0, SnapshotMode::initial), Severity::ok, "goes on",
               "pg_drop_replication_slot('s_snapshot_1')");
    expect_one(judge_kept_slot(kept, false, 77, SnapshotMode::initial), Severity::ok, "process 77 reads", "");
    expect_one(judge_kept_slot(kept, true, 0, SnapshotMode::initial), Severity::ok, "drops it", "");
    expect_one(judge_kept_slot(kept, false, 0, SnapshotMode::always), Severity::ok, "drops it", "");
    kept.wal_status = "lost";
    expect_one(judge_kept_slot(kept, false, 0, SnapshotMode::initial), Severity::warning, "begins again", "");
}

CapturedTable table(const char* name) {
    CapturedTable t;
    t.schema = "public";
    t.table = name;
    return t;
}

Findings table_troubles(const CapturedTable& t, SnapshotMode mode = SnapshotMode::initial) {
    return troubles(judge_tables({table("fine"), t}, "cdc", mode));
}

TEST(Preflight, tables_that_are_fine) {
    EXPECT_TRUE(table_troubles(table("t")).empty());
    expect_one(judge_tables({}, "cdc", SnapshotMode::initial), Severity::warning, "no table",
               "source.tables");
}

TEST(Preflight, tables_whose_rows_cannot_be_read) {
    CapturedTable t = table("Odd \"one\"");
    t.readable = false;
    expect_one(table_troubles(t), Severity::error, "public.Odd \"one\"",
               "GRANT SELECT ON \"public\".\"Odd \"\"one\"\"\" TO \"cdc\";");
    EXPECT_TRUE(table_troubles(t, SnapshotMode::never).empty()) << "decoding knows no grants";
    t = table("t");
    t.row_security = true;
    expect_one(table_troubles(t), Severity::error, "row security", "BYPASSRLS");
}

TEST(Preflight, tables_whose_changes_cannot_be_keyed) {
    CapturedTable t = table("t");
    t.has_key = false;
    expect_one(table_troubles(t), Severity::warning, "no primary key", "REPLICA IDENTITY FULL;");
    t.replica_identity = 'n';
    expect_one(table_troubles(t), Severity::warning, "IDENTITY NOTHING", "REPLICA IDENTITY FULL;");
    t.has_key = true;
    expect_one(table_troubles(t), Severity::warning, "IDENTITY NOTHING", "REPLICA IDENTITY DEFAULT;");
    t.replica_identity = 'f';
    EXPECT_TRUE(table_troubles(t).empty());
    t.has_key = false;
    expect_one(table_troubles(t), Severity::warning, "told apart", "ADD PRIMARY KEY");
    t.replica_identity = 'i';
    expect_one(table_troubles(t), Severity::warning, "lost the index", "REPLICA IDENTITY FULL;");
}

TEST(Preflight, an_unlogged_table_is_told_once) {
    CapturedTable t = table("t");
    t.unlogged = true;
    t.has_key = false;
    t.readable = false;
    expect_one(table_troubles(t), Severity::warning, "unlogged", "SET LOGGED;");
}

TEST(Preflight, thousands_of_tables_are_not_all_named) {
    std::vector<CapturedTable> tables(60, table("t"));
    for (CapturedTable& t : tables)
        t.has_key = false;
    const Findings findings = troubles(judge_tables(tables, "cdc", SnapshotMode::initial));
    ASSERT_EQ(findings.size(), 51u);
    EXPECT_THAT(findings.back().what, HasSubstr("10 more tables"));
}

}  // namespace
}  // namespace cdc::source
