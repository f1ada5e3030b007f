#include "config/rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "config/dsn.h"
#include "config/listen_address.h"

namespace cdc::config {
namespace {

constexpr std::size_t max_identifier_bytes = 63;  // NAMEDATALEN - 1

constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view digits = "0123456789";

bool consists_of(std::string_view text, std::initializer_list<std::string_view> sets) {
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return std::ranges::any_of(sets, [c](std::string_view set) { return set.find(c) != set.npos; });
    });
}

std::string without(std::string text, std::string_view part) {
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part))
        text.erase(at, part.size());
    return text;
}

constexpr const char* const quoting =
    "; a name with a dot or comma in it, or a blank at its end, goes into double quotes";

// The plugin does not count blanks around an item to its names; here they are refused, so that both mean the
// same table.
bool has_blank_ends(std::string_view text) {
    constexpr std::string_view blanks = " \t\n\v\f\r";
    return !text.empty() &&
           (blanks.find(text.front()) != blanks.npos || blanks.find(text.back()) != blanks.npos);
}

// name.name… of exactly n parts, none empty; dots and commas inside double quotes belong to a name ("" is a
// quote there). This is the plugin's own grammar (plugin/rules.cpp, split_name): items are sent joined by
// commas.
bool is_dotted_name(std::string_view text, int n) {
    if (has_blank_ends(text)) return false;
    int parts = 1;
    bool quoted = false;
    bool empty = true;
    for (const char c : text) {
        if (c == '"') {
            quoted = !quoted;
        } else if (c == ',' && !quoted) {
            return false;
        } else if (c == '.' && !quoted) {
            if (empty) return false;
            ++parts;
            empty = true;
        } else {
            empty = false;
        }
    }
    return parts == n && !empty && !quoted;
}

}  // namespace

Verdict check_name(const std::string& text) {
    if (consists_of(text, {lower, upper, digits, "._-"}) && text.size() <= max_identifier_bytes) return {};
    return Complaint{"is not a name", "use letters, digits, \".\", \"_\" and \"-\", at most 63"};
}

Verdict check_slot_name(const std::string& text) {
    if (consists_of(text, {lower, digits, "_"}) && text.size() <= max_identifier_bytes) return {};
    return Complaint{"is not a slot name", "use lower-case letters, digits and \"_\", at most 63"};
}

Verdict check_table_pattern(const std::string& text) {
    if (is_dotted_name(text, 2)) return {};
    return Complaint{
        "is not a pattern of schema.table",
        std::string("write one pattern an item, as in public.orders, public.* or *.*") + quoting};
}

Verdict check_mask(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    const std::string how = colon == std::string::npos ? "" : text.substr(colon + 1);
    if ((how == "redact" || how == "hash") && is_dotted_name(text.substr(0, colon), 3)) return {};
    return Complaint{"is not schema.table.column:redact or schema.table.column:hash",
                     std::string("as in public.users.ssn:redact") + quoting};
}

Verdict check_publication(const std::string& text) {
    if (is_dotted_name(text, 1)) return {};
    return Complaint{"is not the name of one publication", std::string("write one name an item") + quoting};
}

Verdict check_table_template(const std::string& text) {
    if (text.find("{table}") == std::string::npos)
        return Complaint{"has no {table}: every table would be projected into one",
                         "write it like {schema}.{table} or mirror.{schema}_{table}"};
    const std::string plain = without(without(text, "{schema}"), "{table}");
    if (plain.find_first_of("{}") != std::string::npos)
        return Complaint{"holds a placeholder that is not known", "{schema} and {table} are"};
    const std::size_t dot = text.find('.');
    if (dot == 0 || dot == std::string::npos || dot + 1 == text.size() ||
        text.find('.', dot + 1) != text.npos)
        return Complaint{"is not <schema>.<table>",
                         "write it like {schema}.{table} or mirror.{schema}_{table}"};
    return {};
}

Verdict check_identifier(const std::string& text) {
    if (!text.empty() && text.size() <= max_identifier_bytes) return {};
    return Complaint{"is not an SQL name", "a name has 1 to 63 bytes"};
}

// As librdkafka has them; it takes an address with any other for one that never answers.
bool is_kafka_protocol(std::string_view name) {
    static constexpr std::array<std::string_view, 4> known = {"plaintext", "ssl", "sasl_plaintext",
                                                              "sasl_ssl"};
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    return std::ranges::find(known, lower) != known.end();
}

Verdict check_brokers(const std::string& text) {
    const std::string_view list = text;
    for (std::size_t at = 0; at <= list.size();) {
        const std::size_t end = std::min(list.find(',', at), list.size());
        const std::string_view one = list.substr(at, end - at);
        const std::size_t colon = one.rfind(':');
        const bool port = colon != one.npos && !one.ends_with(']');
        std::string_view host = port ? one.substr(0, colon) : one;
        if (const std::size_t protocol = host.find("://"); protocol != host.npos) {
            if (!is_kafka_protocol(host.substr(0, protocol)))
                return Complaint{"is not a list of brokers", "write it like kafka1:9092,kafka2:9092"};
            host.remove_prefix(protocol + 3);
        }
        if (host.empty() || host.find_first_of(" \t") != host.npos ||
            (port && !consists_of(one.substr(colon + 1), {digits})))
            return Complaint{"is not a list of brokers", "write it like kafka1:9092,kafka2:9092"};
        at = end + 1;
    }
    return {};
}

Verdict check_listen_address(const std::string& text) {
    if (parse_listen_address(text)) return {};
    return Complaint{"is not an address and a port to listen at",
                     "write it like 127.0.0.1:9464 or [::1]:9464, or 0.0.0.0:9464 for every address of this "
                     "machine; names are not resolved"};
}

// RFC 7617: what is before the first colon.
Verdict check_username(const std::string& text) {
    const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    if (!text.empty() && text.find(':') == text.npos && std::ranges::none_of(text, control)) return {};
    return Complaint{"is not a user's name", "it has no colon, and is not empty"};
}

Verdict check_dsn(const std::string& text) {
    const Dsn dsn = parse_dsn(text);
    if (!dsn.valid)
        return Complaint{"not a valid connection string: " + dsn.error,
                         "write it like host=db1 dbname=shop user=cdc, or as postgresql://cdc@db1/shop"};
    if (!dsn.get("replication").empty())
        return Complaint{"\"replication\" is not for a connection string", "the worker sets it by itself"};
    return {};
}

}  // namespace cdc::config
