// The configuration file from any text, with two variables in the environment.
//
// Oracles: there is a configuration, or an error that says where and what is wrong, never neither or both;
// what is accepted is in its range; a password of the environment is in no message; the same text gives the
// same answer; a connection string is hidden whole where it is not one.
#include <optional>
#include <string>

#include "config/dsn.h"
#include "config/load.h"
#include "oracle.h"

using namespace cdc::config;

namespace {

const std::string secret = "s3cr3t-of-the-environment";

std::optional<std::string> environment(const std::string& name) {
    if (name == "CDC_PASSWORD") return secret;
    if (name == "EMPTY") return "";
    return std::nullopt;
}

// A file that has the secret in plain text (libFuzzer learns it from what is compared) may be quoted with it.
void check_problem(const Problem& problem, const std::string& text) {
    fuzz::expect(!problem.message.empty(), "a problem says what is wrong");
    if (text.find(secret) != std::string::npos) return;
    const std::string shown = problem.to_string("worker.yaml");
    fuzz::expect(shown.find(secret) == std::string::npos, "a problem shows no secret");
}

void check_pipeline(const Pipeline& pipeline) {
    const Source& source = pipeline.source;
    fuzz::expect(!pipeline.name.empty() && !pipeline.sinks.empty(), "a pipeline has a name and a sink");
    fuzz::expect(
        !source.slot.empty() && source.slot.size() <= 63 &&
            source.slot.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos,
        "a slot's name is one that PostgreSQL takes");
    fuzz::expect(pipeline.memory_limit >= 2 * source.batch_bytes, "memory_limit holds two messages");
    fuzz::expect(source.batch_bytes <= 64u << 20 && source.max_value_bytes <= 512u << 20,
                 "sizes in their range");
    fuzz::expect(source.feedback_interval.count() >= 10 && source.receive_timeout.count() >= 1000 &&
                     pipeline.shutdown_timeout.count() >= 100,
                 "times in their range");
    fuzz::expect(parse_dsn(source.dsn).valid, "a dsn that is accepted is one");
}

void check_dsn(const std::string& text) {
    const Dsn dsn = parse_dsn(text);
    const std::string shown = redact_dsn(text);
    for (const DsnParameter& parameter : dsn.parameters) {
        fuzz::expect(parameter.begin <= parameter.end && parameter.end <= text.size(),
                     "a parameter stands in the text");
        // short ones may stand elsewhere in the text as well
        if (dsn.valid && is_secret_keyword(parameter.keyword) && parameter.value.size() >= 12 &&
            text.find(parameter.value) == text.rfind(parameter.value))
            fuzz::expect(shown.find(parameter.value) == std::string::npos, "a secret is not shown");
    }
    if (!dsn.valid && text.size() >= 12)
        fuzz::expect(shown.find(text) == std::string::npos, "what is no dsn is not shown");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const Loaded loaded = load_text(text, environment);
    fuzz::expect(loaded.config.has_value() != has_errors(loaded.problems), "a configuration or an error");
    for (const Problem& problem : loaded.problems)
        check_problem(problem, text);
    if (loaded.config) {
        fuzz::expect(!loaded.config->pipelines.empty(), "there is a pipeline");
        for (const Pipeline& pipeline : loaded.config->pipelines)
            check_pipeline(pipeline);
    }
    const Loaded again = load_text(text, environment);
    fuzz::expect(again.to_string("f") == loaded.to_string("f"), "the same text has the same problems");
    check_dsn(text);
    return 0;
}
