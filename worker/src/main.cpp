// cdc-worker: argv, signals and wiring. The only file that names concrete sinks; what a pipeline does is in
// pipeline/, what the command line means in cli/.

#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/exit_code.h"
#include "commands/snapshot_command.h"
#include "config/load.h"
#include "config/options.h"
#include "metrics/endpoint.h"
#include "pipeline/pipeline.h"
#include "pipeline/progress.h"
#include "sinks/kafka/kafka_sink.h"
#include "sinks/postgres/postgres_sink.h"
#include "sinks/stdout/stdout_sink.h"
#include "source/preflight.h"

namespace cdc {
namespace {

std::unique_ptr<Sink> make_sink(const config::Sink& sink) {
    return std::visit(
        [](const auto& settings) -> std::unique_ptr<Sink> {
            using Settings = std::decay_t<decltype(settings)>;
            if constexpr (std::is_same_v<Settings, config::StdoutSink>) {
                return std::make_unique<StdoutSink>();
            } else if constexpr (std::is_same_v<Settings, config::KafkaSink>) {
                return std::make_unique<KafkaSink>(settings);
            } else {
                return std::make_unique<PostgresSink>(settings);
            }
        },
        sink);
}

// A pipeline on its thread.
class RunningPipeline {
  public:
    RunningPipeline(const config::Pipeline& config, std::vector<std::unique_ptr<Sink>> sinks)
        : memory_limit_(config.memory_limit),
          pipeline_(config, std::move(sinks)),
          progress_(config.name, pipeline_.statistics()) {}

    void start() {
        thread_ = std::thread([this] {
            result_ = pipeline_.run();
            if (!result_.ok()) log_error("pipeline {}: {}", pipeline_.name(), result_.to_string());
            ended_.store(true, std::memory_order_release);
        });
    }
    void request_stop() { pipeline_.request_stop(); }
    bool ended() const { return ended_.load(std::memory_order_acquire); }
    bool failed() const { return ended() && !result_.ok(); }
    void join() { thread_.join(); }
    ProgressLine& progress() { return progress_; }
    metrics::MeasuredPipeline measured() const {
        return {pipeline_.name(), memory_limit_, &pipeline_.statistics()};
    }

  private:
    const std::size_t memory_limit_;
    Pipeline pipeline_;
    ProgressLine progress_;
    std::thread thread_;
    Status result_;
    std::atomic<bool> ended_{false};
};

using Pipelines = std::vector<std::unique_ptr<RunningPipeline>>;

bool all_ended(const Pipelines& pipelines) {
    for (const auto& pipeline : pipelines) {
        if (!pipeline->ended()) return false;
    }
    return true;
}

// A line a pipeline and second; on a terminal one pipeline's line is written over the last.
void print_progress(Pipelines& pipelines) {
    const bool in_place = pipelines.size() == 1 && isatty(STDERR_FILENO) != 0;
    for (const auto& pipeline : pipelines) {
        std::fprintf(stderr, in_place ? "\r\033[K%s" : "%s\n", pipeline->progress().line().c_str());
    }
}

// SIGHUP tells of a terminal that is gone, and is no concern of a process that was started by nohup.
bool hangup_counts() {
    struct sigaction now = {};
    return sigaction(SIGHUP, nullptr, &now) == 0 && now.sa_handler != SIG_IGN;
}

sigset_t stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (hangup_counts()) sigaddset(&signals, SIGHUP);
    return signals;
}

const char* signal_name(int signal) {
    switch (signal) {
        case SIGTERM:
            return "SIGTERM";
        case SIGINT:
            return "SIGINT";
        default:
            return "SIGHUP";
    }
}

// Waits for the pipelines. The first signal asks them to stop; the second ends the process at once.
void supervise(Pipelines& pipelines, bool progress) {
    const sigset_t signals = stop_signals();
    constexpr timespec tick{0, 50 * 1000 * 1000};
    bool stopping = false;
    for (int ticks = 1; !all_ended(pipelines); ++ticks) {
        const int signal = sigtimedwait(&signals, nullptr, &tick);
        if (signal > 0) {
            if (stopping) _exit(cli::exit_signalled + signal);
            stopping = true;
            log_info("stopping on {}; a second signal ends at once", signal_name(signal));
            for (const auto& pipeline : pipelines)
                pipeline->request_stop();
        }
        if (progress && !stopping && ticks % 20 == 0) print_progress(pipelines);
    }
}

void print_summaries(const Pipelines& pipelines) {
    if (isatty(STDERR_FILENO) != 0) std::fputc('\n', stderr);
    for (const auto& pipeline : pipelines)
        std::fputs(pipeline->progress().summary().c_str(), stderr);
}

// Null where none is asked for. It stays until the process ends, which the pipelines do too.
Result<std::unique_ptr<metrics::Endpoint>> open_metrics(const config::Metrics& config,
                                                        const Pipelines& pipelines) {
    if (config.listen.empty()) return std::unique_ptr<metrics::Endpoint>();
    std::vector<metrics::MeasuredPipeline> measured;
    for (const auto& pipeline : pipelines)
        measured.push_back(pipeline->measured());
    return metrics::Endpoint::open(config, std::move(measured));
}

int run(const cli::Command& command, const config::Config& config) {
    log_init(command.log_level.value_or(config.log_level),
             config.log_format == "json" ? LogFormat::json : LogFormat::text);
    // Blocked before any thread starts, so that only supervise sees them.
    const sigset_t signals = stop_signals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);

    Pipelines pipelines;
    for (const config::Pipeline& pipeline : config.pipelines) {
        std::vector<std::unique_ptr<Sink>> sinks;
        for (const config::Sink& sink : pipeline.sinks)
            sinks.push_back(make_sink(sink));
        pipelines.push_back(std::make_unique<RunningPipeline>(pipeline, std::move(sinks)));
    }
    const auto endpoint = open_metrics(config.metrics, pipelines);
    if (!endpoint.ok()) {
        log_error("{}", endpoint.status().to_string());
        return cli::exit_usage;
    }
    for (const auto& pipeline : pipelines)
        pipeline->start();
    supervise(pipelines, command.progress);
    if (command.progress) print_summaries(pipelines);
    int code = cli::exit_ok;
    for (const auto& pipeline : pipelines) {
        pipeline->join();
        if (pipeline->failed()) code = cli::exit_failure;
    }
    spdlog::shutdown();
    std::fflush(nullptr);
    // Without destructors: a sink that is stuck past shutdown_timeout still uses its pipeline on its thread.
    _exit(code);
}

const char* word(source::Severity severity) {
    switch (severity) {
        case source::Severity::ok:
            return "ok";
        case source::Severity::warning:
            return "warning";
        case source::Severity::error:
            break;
    }
    return "error";
}

std::string json_string(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", c);
        } else {
            out += c;
        }
    }
    return out + '"';
}

void print_finding(const std::string& pipeline, const source::Finding& finding, cli::Report report) {
    if (report == cli::Report::json) {
        std::printf(R"({"pipeline":%s,"severity":"%s","what":%s,"mend":%s})"
                    "\n",
                    json_string(pipeline).c_str(), word(finding.severity), json_string(finding.what).c_str(),
                    json_string(finding.mend).c_str());
        return;
    }
    std::printf("%-8s %s: %s\n", word(finding.severity), pipeline.c_str(), finding.what.c_str());
    if (!finding.mend.empty()) std::printf("%-8s   %s\n", "", finding.mend.c_str());
}

int check(const cli::Command& command, const config::Config& config) {
    bool error = false;
    for (const config::Pipeline& pipeline : config.pipelines) {
        for (const source::Finding& finding : source::check_source(pipeline.source, pipeline.snapshot)) {
            print_finding(pipeline.name, finding, command.report);
            error = error || finding.severity == source::Severity::error;
        }
    }
    return error ? cli::exit_findings : cli::exit_ok;
}

int version() {
    const int libpq = PQlibVersion();
    std::printf("cdc-worker %s\nlibpq %d.%d\nlibrdkafka %s\n", CDC_WORKER_VERSION, libpq / 10000,
                libpq % 10000, rd_kafka_version_str());
    // Fixes of the idempotent producer came in 2.3.0 and 2.5.0 (librdkafka's CHANGELOG).
    if (rd_kafka_version() < 0x020500ff) {
        std::printf("warning: librdkafka before 2.5.0 lacks fixes of the idempotent producer\n");
    }
    return cli::exit_ok;
}

int with_config(const cli::Command& command, int (*work)(const cli::Command&, const config::Config&)) {
    config::Loaded loaded = config::load_file(command.config_file);
    std::fputs(loaded.to_string(command.config_file).c_str(), stderr);
    if (!loaded.config) return cli::exit_usage;
    if (const auto problem = config::select_pipelines(*loaded.config, command.pipelines)) {
        std::fprintf(stderr, "%s\n", problem->to_string(command.config_file).c_str());
        return cli::exit_usage;
    }
    return work(command, *loaded.config);
}

int execute(const cli::Command& command) {
    switch (command.verb) {
        case cli::Verb::run:
            return with_config(command, run);
        case cli::Verb::check:
            return with_config(command, check);
        case cli::Verb::snapshot:
            return with_config(command, snapshot_command);
        case cli::Verb::config:
            std::fputs(config::options_markdown().c_str(), stdout);
            return cli::exit_ok;
        case cli::Verb::version:
            break;
    }
    return version();
}

}  // namespace
}  // namespace cdc

int main(int argc, char** argv) {
    // What one thread allocates another frees here: with an arena for each thread, each would keep its own
    // peak.
    mallopt(M_ARENA_MAX, 2);
    const auto parsed = cdc::cli::parse(argc, argv);
    if (const auto* exit = std::get_if<cdc::cli::Exit>(&parsed)) {
        std::fputs(exit->text.c_str(), exit->code == cdc::cli::exit_ok ? stdout : stderr);
        return exit->code;
    }
    return cdc::execute(std::get<cdc::cli::Command>(parsed));
}
