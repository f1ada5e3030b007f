#include "config/dsn.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace cdc::config {
namespace {

// isspace in the C locale, as fe-connect.c means it.
bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

Dsn invalid(std::string error) {
    return {false, std::move(error), {}};
}

// "keyword = value …" (conninfo_parse).
class KeywordReader {
  public:
    explicit KeywordReader(const std::string& text) : text_(text) {}

    Dsn read() {
        Dsn dsn;
        for (skip_blanks(); !at_end(); skip_blanks()) {
            DsnParameter parameter;
            const std::size_t start = at_;
            while (!at_end() && text_[at_] != '=' && !is_blank(text_[at_]))
                ++at_;
            parameter.keyword = text_.substr(start, at_ - start);
            skip_blanks();
            if (at_end() || text_[at_] != '=') return invalid("a word without \"=\"");
            if (parameter.keyword.empty()) return invalid("\"=\" without a word before it");
            ++at_;
            skip_blanks();
            parameter.begin = at_;
            if (!read_value(parameter.value)) return invalid("a single quote that is not closed");
            parameter.end = at_;
            dsn.parameters.push_back(std::move(parameter));
        }
        dsn.valid = true;
        return dsn;
    }

  private:
    bool at_end() const { return at_ == text_.size(); }
    void skip_blanks() {
        while (!at_end() && is_blank(text_[at_]))
            ++at_;
    }
    // A backslash takes the next character as it is.
    void take(std::string& value) {
        if (text_[at_] == '\\' && ++at_ == text_.size()) return;
        value += text_[at_++];
    }
    bool read_value(std::string& value) {
        const bool quoted = !at_end() && text_[at_] == '\'';
        if (quoted) ++at_;
        while (!at_end() && (quoted ? text_[at_] != '\'' : !is_blank(text_[at_])))
            take(value);
        if (!quoted) return true;
        if (at_end()) return false;
        ++at_;
        return true;
    }

    const std::string& text_;
    std::size_t at_ = 0;
};

std::optional<int> hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const std::optional<int> high = hex_digit(text[i + 1]);
        const std::optional<int> low = hex_digit(text[i + 2]);
        if (!high || !low || (*high == 0 && *low == 0)) return std::nullopt;
        decoded += static_cast<char>(*high << 4 | *low);
        i += 2;
    }
    return decoded;
}

// postgresql://[user[:password]@][host[:port],…][/dbname][?keyword=value&…] (conninfo_uri_parse_options).
class UriReader {
  public:
    UriReader(const std::string& text, std::size_t after_scheme) : text_(text), at_(after_scheme) {}

    Dsn read() {
        const std::size_t user_end = text_.find_first_of("@/", at_);
        if (user_end != std::string::npos && text_[user_end] == '@') read_user(user_end);
        // An "@" further on is a sign of a password with an unencoded "@" or "/" in it: libpq would take the
        // wrong half for the host, and show it.
        if (text_.find('@', at_) < text_.find('?', at_))
            return invalid("an \"@\" in user, password or database must be written %40, a \"/\" %2F");
        read_hosts();
        if (at_ < text_.size() && text_[at_] == '/') {
            ++at_;
            add("dbname", std::min(text_.find('?', at_), text_.size()));
        }
        while (ok_ && at_ < text_.size())
            read_query_parameter();
        if (!ok_) return invalid("a broken port, percent-encoding or query in the URI");
        dsn_.valid = true;
        return std::move(dsn_);
    }

  private:
    // Adds [at_, end) under keyword, unless it is empty, and goes on at end.
    void add(const std::string& keyword, std::size_t end) {
        const std::optional<std::string> value =
            percent_decoded(std::string_view(text_).substr(at_, end - at_));
        if (!value) {
            ok_ = false;
        } else if (!value->empty()) {
            dsn_.parameters.push_back({keyword, *value, at_, end});
        }
        at_ = end;
    }
    void read_user(std::size_t end) {
        const std::size_t colon = std::min(text_.find(':', at_), end);
        add("user", colon);
        if (colon < end) {
            ++at_;
            add("password", end);
        }
        at_ = end + 1;
    }
    // Several hosts make comma-separated lists, as libpq keeps them.
    void read_hosts() {
        const std::size_t end = std::min(text_.find_first_of("/?", at_), text_.size());
        std::string hosts, ports;
        while (at_ <= end) {
            const std::size_t next = std::min(text_.find(',', at_), end);
            const std::string one = text_.substr(at_, next - at_);
            const std::size_t bracket = one.starts_with('[') ? one.find(']') : std::string::npos;
            const std::size_t colon = one.find(':', bracket == std::string::npos ? 0 : bracket);
            std::string host = one.substr(0, colon);
            if (bracket != std::string::npos && host.size() > 1) host = host.substr(1, bracket - 1);
            hosts += (hosts.empty() ? "" : ",") + percent_decoded(host).value_or(host);
            if (colon != std::string::npos) add_port(ports, one.substr(colon + 1));
            at_ = next + 1;
        }
        at_ = end;
        if (!hosts.empty()) dsn_.parameters.push_back({"host", hosts, end, end});
        if (!ports.empty()) dsn_.parameters.push_back({"port", ports, end, end});
    }
    // What is no number is more likely a piece of a password.
    void add_port(std::string& ports, const std::string& port) {
        if (port.find_first_not_of("0123456789") != std::string::npos) ok_ = false;
        ports += (ports.empty() ? "" : ",") + port;
    }
    void read_query_parameter() {
        ++at_;  // "?" or "&"
        const std::size_t equals = text_.find('=', at_);
        const std::size_t end = std::min(text_.find('&', at_), text_.size());
        if (equals == std::string::npos || equals > end) {
            ok_ = false;
            return;
        }
        const auto keyword = percent_decoded(std::string_view(text_).substr(at_, equals - at_));
        at_ = equals + 1;
        if (keyword) {
            add(*keyword, end);
        } else {
            ok_ = false;
        }
    }

    const std::string& text_;
    std::size_t at_;
    Dsn dsn_;
    bool ok_ = true;
};

}  // namespace

std::string Dsn::get(const std::string& keyword) const {
    std::string value;
    for (const DsnParameter& parameter : parameters) {
        if (parameter.keyword == keyword) value = parameter.value;
    }
    return value;
}

Dsn parse_dsn(const std::string& text) {
    for (const std::string_view scheme : {"postgresql://", "postgres://"}) {
        if (text.starts_with(scheme)) return UriReader(text, scheme.size()).read();
    }
    return KeywordReader(text).read();
}

bool is_secret_keyword(const std::string& keyword) {
    constexpr std::array secrets{"password", "sslpassword", "scram_client_key", "scram_server_key",
                                 "oauth_client_secret"};
    return std::ranges::find(secrets, keyword) != secrets.end();
}

std::string redact_dsn(const std::string& text) {
    const Dsn dsn = parse_dsn(text);
    if (!dsn.valid) return "(not a valid connection string)";
    std::string shown;
    std::size_t at = 0;
    for (const DsnParameter& parameter : dsn.parameters) {
        if (!is_secret_keyword(parameter.keyword)) continue;
        shown += text.substr(at, parameter.begin - at) + "***";
        at = parameter.end;
    }
    return shown + text.substr(at);
}

std::string server_of(const Dsn& dsn) {
    const auto or_default = [&](const std::string& keyword, const std::string& fallback) {
        const std::string value = dsn.get(keyword);
        return value.empty() ? fallback : value;
    };
    return dsn.get("service") + "|" + or_default("hostaddr", or_default("host", "")) + "|" +
           or_default("port", "5432");
}

}  // namespace cdc::config
