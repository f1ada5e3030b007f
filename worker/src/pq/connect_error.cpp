#include "pq/connect_error.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

#include "pq/sqlstate.h"

namespace cdc::pq {
namespace {

struct Refusals {
    std::string text;                 // the message without SQLSTATEs and source locations, in one line
    std::vector<std::string> states;  // of every host that answered
};

bool is_sqlstate(std::string_view text) {
    return text.size() == 5 && std::ranges::all_of(text, [](unsigned char c) {
               return std::isdigit(c) != 0 || (c >= 'A' && c <= 'Z');
           });
}

std::string_view trim(std::string_view line) {
    const auto first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

// "… failed: FATAL:  28P01: password …" → "… failed: password …", and the SQLSTATE. The severity's word may
// be translated; the two blanks and the five characters are libpq's (fe-protocol3.c, pqBuildErrorMessage3).
std::string without_sqlstate(std::string_view line, std::vector<std::string>& states) {
    for (auto at = line.find(":  "); at != std::string_view::npos; at = line.find(":  ", at + 1)) {
        const std::string_view rest = line.substr(at + 3);
        if (rest.size() < 7 || rest.substr(5, 2) != ": " || !is_sqlstate(rest.substr(0, 5))) continue;
        states.emplace_back(rest.substr(0, 5));
        const auto severity = line.substr(0, at).rfind(' ');
        const auto kept = severity == std::string_view::npos ? 0 : severity + 1;
        return std::string(line.substr(0, kept)) + std::string(rest.substr(7));
    }
    return std::string(line);
}

Refusals read_refusals(std::string_view text) {
    Refusals refusals;
    while (!text.empty()) {
        const auto newline = text.find('\n');
        const std::string_view line = trim(text.substr(0, newline));
        text = newline == std::string_view::npos ? std::string_view{} : text.substr(newline + 1);
        if (line.empty() || line.starts_with("LOCATION:")) continue;
        if (!refusals.text.empty()) refusals.text += ' ';
        refusals.text += without_sqlstate(line, refusals.states);
    }
    return refusals;
}

std::string hint_for(std::string_view sqlstate) {
    if (sqlstate == "28P01") return "check the user and the password of the dsn";
    if (sqlstate == "28000") {
        return "pg_hba.conf must let this role in: a line like \"hostssl <database> <role> <address> "
               "scram-sha-256\" (the word replication there does not match logical replication)";
    }
    if (sqlstate == "3D000") return "check dbname in the dsn";
    if (sqlstate == "42501") return "ALTER ROLE <role> REPLICATION, and GRANT CONNECT ON DATABASE";
    return {};
}

// libpq's own refusals, which never reach a server and so have no SQLSTATE.
bool refused_by_libpq(std::string_view text) {
    static constexpr std::array<std::string_view, 5> refusals = {
        "certificate", "does not support SSL", "no password supplied", "SCRAM", "authentication method"};
    return text.starts_with("invalid ") || std::ranges::any_of(refusals, [&](std::string_view refusal) {
               return text.find(refusal) != std::string_view::npos;
           });
}

}  // namespace

Status connect_error(std::string_view text, bool needs_password) {
    Refusals refusals = read_refusals(text);
    if (needs_password) {
        return Status::fatal(std::move(refusals.text),
                             "the server asks for a password: give it in the dsn "
                             "(password=${VARIABLE}), or in a passfile");
    }
    const auto refusal =
        std::ranges::find_if(refusals.states, [](const std::string& state) { return !is_passing(state); });
    const bool passing_too = std::ranges::any_of(refusals.states, is_passing);
    if (refusal != refusals.states.end() && !passing_too) {
        return Status::fatal(std::move(refusals.text), hint_for(*refusal));
    }
    if (refusals.states.empty() && refused_by_libpq(refusals.text)) {
        return Status::fatal(std::move(refusals.text));
    }
    return Status::retry(refusals.text.empty() ? "the connection failed" : std::move(refusals.text));
}

}  // namespace cdc::pq
