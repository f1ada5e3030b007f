#include "config/literal_secret.h"

#include <algorithm>
#include <array>

#include "config/dsn.h"

namespace cdc::config {
namespace {

bool is_literal(const std::string& raw) {
    return !raw.empty() && raw.find("${") == std::string::npos;
}

void warn(Place place, const std::string& path, Problems& problems) {
    problems.push_back({Severity::warning, place, path,
                        "a password is written out in a file that every user of this machine can read",
                        "chmod 600 the file, or take the password from the environment: ${NAME}"});
}

void check_dsn_value(const Value& value, Problems& problems) {
    const Dsn dsn = parse_dsn(value.text.raw);
    const bool literal = std::ranges::any_of(dsn.parameters, [](const DsnParameter& parameter) {
        return is_secret_keyword(parameter.keyword) && is_literal(parameter.value);
    });
    if (literal) warn(value.place, value.path, problems);
}

// librdkafka's names: sasl.password, ssl.key.password, sasl.oauthbearer.client.secret, ssl.key.pem.
void check_properties(const Value& value, Problems& problems) {
    constexpr std::array marks{"password", "secret", "key.pem", "token"};
    for (const auto& [key, text] : value.map) {
        const bool secret = std::ranges::any_of(
            marks, [&name = key](const char* mark) { return name.find(mark) != std::string::npos; });
        if (secret && is_literal(text.raw)) warn(text.place, value.path + "." + key, problems);
    }
}

}  // namespace

void warn_of_literal_secrets(const Section& document, Problems& problems) {
    const Value& metrics = document.section("metrics").value("password");
    if (is_literal(metrics.text.raw)) warn(metrics.place, metrics.path, problems);
    for (const Section& pipeline : document.sections("pipelines")) {
        check_dsn_value(pipeline.section("source").value("dsn"), problems);
        for (const Section& item : pipeline.sections("sinks")) {
            check_dsn_value(item.section("postgres").value("dsn"), problems);
            check_properties(item.section("kafka").value("properties"), problems);
        }
    }
}

}  // namespace cdc::config
