// The preflight's judgements about tables (preflight_judge.h).
#include <algorithm>
#include <functional>

#include "source/preflight_judge.h"

namespace cdc::source {
namespace {

constexpr std::size_t most_named = 50;

std::string quoted(const std::string& name) {
    std::string text = "\"";
    for (const char c : name) {
        if (c == '"') text += '"';
        text += c;
    }
    return text += '"';
}

std::string sql_name(const CapturedTable& table) {
    return quoted(table.schema) + "." + quoted(table.table);
}

// One finding for each table that has the trouble, and one for those beyond what a person reads.
void name_each(const std::vector<CapturedTable>& tables, Severity severity,
               const std::function<bool(const CapturedTable&)>& has_trouble, const std::string& trouble,
               const std::function<std::string(const CapturedTable&)>& mend, std::vector<Finding>& findings) {
    std::size_t found = 0;
    for (const CapturedTable& table : tables) {
        if (!has_trouble(table) || ++found > most_named) continue;
        findings.push_back({severity, "table " + display_name(table) + " " + trouble, mend(table)});
    }
    if (found <= most_named) return;
    findings.push_back({severity, std::to_string(found - most_named) + " more tables: each " + trouble, ""});
}

void judge_access(const std::vector<CapturedTable>& tables, const std::string& role,
                  std::vector<Finding>& findings) {
    name_each(
        tables, Severity::error, [](const CapturedTable& t) { return !t.readable && !t.unlogged; },
        "can't be read by role " + quoted(role) + ": the snapshot needs SELECT",
        [&](const CapturedTable& t) {
            return "GRANT USAGE ON SCHEMA " + quoted(t.schema) + " TO " + quoted(role) +
                   "; GRANT SELECT ON " + sql_name(t) + " TO " + quoted(role) + ";";
        },
        findings);
    name_each(
        tables, Severity::error, [](const CapturedTable& t) { return t.row_security && !t.unlogged; },
        "has row security that hides rows from the snapshot (the stream shows all)",
        [&](const CapturedTable&) { return "ALTER ROLE " + quoted(role) + " BYPASSRLS;"; }, findings);
}

void judge_identities(const std::vector<CapturedTable>& tables, std::vector<Finding>& findings) {
    const auto full = [](const CapturedTable& t) {
        return "ALTER TABLE " + sql_name(t) + " REPLICA IDENTITY FULL;";
    };
    name_each(
        tables, Severity::warning,
        [](const CapturedTable& t) { return t.replica_identity == 'd' && !t.has_key && !t.unlogged; },
        "has no primary key: its updates and deletes carry no key and no old image",
        [&](const CapturedTable& t) {
            return "ALTER TABLE " + sql_name(t) + " ADD PRIMARY KEY (…);  -- or: " + full(t);
        },
        findings);
    name_each(
        tables, Severity::warning,
        [](const CapturedTable& t) { return t.replica_identity == 'n' && !t.unlogged; },
        "has REPLICA IDENTITY NOTHING: its updates and deletes carry no old image",
        [&](const CapturedTable& t) {
            return t.has_key ? "ALTER TABLE " + sql_name(t) + " REPLICA IDENTITY DEFAULT;" : full(t);
        },
        findings);
    name_each(
        tables, Severity::warning,
        [](const CapturedTable& t) { return t.replica_identity == 'i' && !t.has_key && !t.unlogged; },
        "has lost the index of its replica identity: its updates and deletes carry no key and no old image",
        full, findings);
    name_each(
        tables, Severity::warning,
        [](const CapturedTable& t) { return t.replica_identity == 'f' && !t.has_key && !t.unlogged; },
        "has no primary key: equal rows of it can't be told apart",
        [](const CapturedTable& t) { return "ALTER TABLE " + sql_name(t) + " ADD PRIMARY KEY (…);"; },
        findings);
}

}  // namespace

std::vector<Finding> judge_tables(const std::vector<CapturedTable>& tables, const std::string& role,
                                  config::SnapshotMode mode) {
    std::vector<Finding> findings;
    if (tables.empty()) {
        findings.push_back({Severity::warning, "no table of the database is captured (yet)",
                            "correct source.tables and source.publications, unless the tables come later"});
        return findings;
    }
    findings.push_back({Severity::ok, "captured tables: " + std::to_string(tables.size()), {}});
    if (mode != config::SnapshotMode::never) judge_access(tables, role, findings);
    judge_identities(tables, findings);
    name_each(
        tables, Severity::warning, [](const CapturedTable& t) { return t.unlogged; },
        "is unlogged: it is not in the WAL, so nothing of it is captured",
        [](const CapturedTable& t) { return "ALTER TABLE " + sql_name(t) + " SET LOGGED;"; }, findings);
    return findings;
}

}  // namespace cdc::source
