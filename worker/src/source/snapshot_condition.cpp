#include "source/snapshot_condition.h"

#include <algorithm>
#include <cctype>

namespace cdc::source {
namespace {

bool begins_word(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0;
}

bool in_word(char c) {
    return begins_word(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '$';
}

// The next place after a quoted text that begins at `at`; doubled quotes are inside it.
std::size_t after_quoted(std::string_view sql, std::size_t at) {
    const char quote = sql[at++];
    while (at < sql.size()) {
        if (sql[at] != quote) {
            ++at;
        } else if (at + 1 < sql.size() && sql[at + 1] == quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    return at;
}

bool is_subquery_word(const std::string& word, bool bracket) {
    return word == "select" || word == "with" || word == "table" || (word == "values" && bracket);
}

Status refused(const CapturedTable& table, const std::string& what, std::string hint) {
    return Status::fatal("source.tables.where of table " + display_name(table) + ": " + what,
                         std::move(hint));
}

}  // namespace

// A text inside the condition may begin with a word that looks like a call: it is not skipped perfectly (an
// E'\'' is not known), which at worst refuses more.
ConditionWords words_of_condition(std::string_view sql) {
    ConditionWords words;
    std::size_t at = 0;
    while (at < sql.size()) {
        if (sql[at] == '\'') {
            at = after_quoted(sql, at);
            continue;
        }
        std::string word;
        const std::size_t begin = at;
        if (sql[at] == '"') {
            at = after_quoted(sql, at);
            word = sql.substr(begin + 1, at - begin - 2);
        } else if (begins_word(sql[at])) {
            while (at < sql.size() && in_word(sql[at]))
                ++at;
            word = sql.substr(begin, at - begin);
            std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
        } else {
            ++at;
            continue;
        }
        const std::size_t next = std::min(sql.find_first_not_of(" \t\r\n", at), sql.size());
        const bool bracket = next < sql.size() && sql[next] == '(';
        if (sql[begin] != '"' && is_subquery_word(word, bracket)) words.subquery = true;
        // A comment may stand between a name and its bracket.
        const bool comment = sql.substr(next).starts_with("/*") || sql.substr(next).starts_with("--");
        if (bracket || comment) words.called.push_back(std::move(word));
    }
    return words;
}

Status check_condition(pq::Connection& sql, const CapturedTable& table) {
    if (table.where.empty()) return {};
    const ConditionWords words = words_of_condition(table.where);
    if (words.subquery) {
        return refused(table, "a subquery is not allowed", "use the table's own columns only");
    }
    auto name = quoted_name(sql, table.schema, table.table);
    CDC_RETURN_IF_ERROR(name.status());
    // The extended protocol takes one statement, so nothing can follow the condition.
    const std::string select = "SELECT FROM ONLY " + *name + " AS \"row\" WHERE (" + table.where + "\n)";
    const pq::Rows prepared(PQprepare(sql.native(), "", select.c_str(), 0, nullptr));
    if (PQresultStatus(prepared.native()) != PGRES_COMMAND_OK) {
        const Status status = sql.error("", prepared.native());
        if (status.code() != StatusCode::fatal) return status;
        return refused(table, status.message(), "it must be an SQL condition on the table's own columns");
    }
    for (const std::string& called : words.called) {
        auto found =
            sql.query("SELECT FROM pg_proc WHERE proname = $1 AND provolatile = 'v'", {called.c_str()});
        if (!found.ok()) return found.status();
        if (found->count() > 0) {
            return refused(table, "the function " + called + "() is volatile",
                           "use functions that are immutable or stable, and the table's own columns");
        }
    }
    return {};
}

}  // namespace cdc::source
