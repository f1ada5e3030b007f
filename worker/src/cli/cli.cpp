#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "cli/exit_code.h"

namespace cdc::cli {
namespace {

constexpr const char* const about =
    "delivers a PostgreSQL database's changes to Kafka, to a PostgreSQL projection or to standard output";

constexpr const char* const main_footer = R"(Examples:
  cdc-worker check -c worker.yaml          is everything in place? what to mend, line by line
  cdc-worker run -c worker.yaml            run every pipeline of the file until SIGTERM
  cdc-worker snapshot status -c worker.yaml   what tables are being read again, and how far
  cdc-worker run --help                    more about one command

Exit codes:
  0    done; run: stopped by a signal
  1    a pipeline has stopped for a reason that needs a person
  2    wrong arguments or configuration; nothing was started
  3    check: at least one finding is an error
  128+N  a second signal (number N) while stopping: left at once, without a flush)";

constexpr const char* const run_footer =
    R"(The first SIGTERM, SIGINT or SIGHUP finishes or gives up the open transaction, flushes the sinks, confirms
the position and exits with 0, all within shutdown_timeout; a second one exits at once with 128 + its number. Nothing is
lost either way: what is not durable is warned of, and sent again at the next start.

Examples:
  cdc-worker run -c worker.yaml
  cdc-worker run -c worker.yaml --pipeline booking --pipeline billing
  cdc-worker run -c worker.yaml --progress --log-level warning

Exit codes:
  0    stopped by a signal
  1    a pipeline has stopped for a reason that needs a person, or a sink was stuck beyond shutdown_timeout
  2    wrong arguments or configuration; nothing was started
  128+N  a second signal (number N) while stopping)";

constexpr const char* const check_footer =
    R"(Each finding comes with what mends it, as SQL where SQL does. Nothing is created or changed.

Examples:
  cdc-worker check -c worker.yaml
  cdc-worker check -c worker.yaml --pipeline booking --format json

Exit codes:
  0    nothing that would keep a pipeline from running
  2    wrong arguments or configuration
  3    at least one finding is an error)";

constexpr const char* const snapshot_footer =
    R"(Reads the present rows of tables into the stream of a pipeline that runs, between the changes to them. The
requests are rows of cdc_envelope.snapshot_signal in the source's database; the worker must be allowed to SELECT, UPDATE
and, for start, INSERT there. A table without a key has to be named with --table: the stream of all tables halts
while it is read.

Examples:
  cdc-worker snapshot start -c worker.yaml --table public.booking
  cdc-worker snapshot start -c worker.yaml --table public.booking --where "changed_at > '2026-01-01'"
  cdc-worker snapshot status -c worker.yaml
  cdc-worker snapshot pause -c worker.yaml

Exit codes:
  0    done
  1    the source can't be reached or refuses, or there was nothing to pause, resume or stop
  2    wrong arguments or configuration)";

constexpr const char* const version_footer = R"(Examples:
  cdc-worker version)";

constexpr const char* const config_footer = R"(Examples:
  cdc-worker config --markdown > docs/configuration.md)";

// A check without a description of its own, which CLI11 would put between the option and its help.
CLI::Validator word_of(std::vector<std::string> words) {
    return CLI::Validator(
        [words = std::move(words)](const std::string& given) {
            if (std::ranges::find(words, given) != words.end()) return std::string();
            std::string list;
            for (const std::string& word : words)
                list += (list.empty() ? "" : ", ") + word;
            return "\"" + given + "\" is not one of: " + list;
        },
        "");
}

// The file and the choice of pipelines, which run and check share.
void add_common(CLI::App& command, Command& result) {
    command.add_option("-c,--config", result.config_file, "the configuration file (YAML)")
        ->required()
        ->type_name("FILE");
    command.add_option("--pipeline", result.pipelines, "only this pipeline of the file; may be repeated")
        ->type_name("NAME")
        ->allow_extra_args(false);
}

void add_run(CLI::App& app, Command& result) {
    CLI::App* run = app.add_subcommand("run", "run the pipelines of a configuration file until SIGTERM");
    add_common(*run, result);
    run->add_flag("--progress", result.progress, "show progress every second, and a summary at the end");
    run->add_option("--log-level", result.log_level,
                    "trace, debug, info, warning or error; overrides log.level of the file")
        ->type_name("LEVEL")
        ->check(word_of({"trace", "debug", "info", "warning", "error"}));
    run->footer(run_footer);
    run->callback([&result] { result.verb = Verb::run; });
}

void add_check(CLI::App& app, Command& result, std::string& format) {
    CLI::App* check = app.add_subcommand(
        "check", "say what is wrong with a configuration file and its databases, start nothing");
    add_common(*check, result);
    check->add_option("--format", format, "how the findings are written: text (the default) or json")
        ->type_name("FORMAT")
        ->check(word_of({"text", "json"}));
    check->footer(check_footer);
    check->callback([&result, &format] {
        result.verb = Verb::check;
        result.report = format == "json" ? Report::json : Report::text;
    });
}

void add_snapshot(CLI::App& app, Command& result, std::string& action) {
    CLI::App* snapshot = app.add_subcommand(
        "snapshot", "read tables again, beside the stream: start, pause, resume, stop, status");
    snapshot->add_option("action", action, "start, pause, resume, stop or status")
        ->required()
        ->type_name("")
        ->check(word_of({"start", "pause", "resume", "stop", "status"}));
    add_common(*snapshot, result);
    snapshot
        ->add_option("--table", result.table,
                     "only this table, as schema.table; all captured ones with a key otherwise")
        ->type_name("TABLE");
    snapshot->add_option("--where", result.where, "start: only the rows for which this SQL condition holds")
        ->type_name("SQL");
    snapshot->footer(snapshot_footer);
    snapshot->callback([&result, &action] {
        result.verb = Verb::snapshot;
        if (action == "start") result.action = SnapshotAction::start;
        if (action == "pause") result.action = SnapshotAction::pause;
        if (action == "resume") result.action = SnapshotAction::resume;
        if (action == "stop") result.action = SnapshotAction::stop;
    });
}

void add_others(CLI::App& app, Command& result) {
    CLI::App* version = app.add_subcommand("version", "show the versions of the worker and its libraries");
    version->footer(version_footer);
    version->callback([&result] { result.verb = Verb::version; });

    CLI::App* config = app.add_subcommand("config", "print the reference of the configuration file");
    const std::string markdown = "as Markdown, the only form there is";
    config->add_flag("--markdown", markdown);
    config->footer(config_footer);
    config->callback([&result] { result.verb = Verb::config; });
}

Exit usage(const std::string& message, const CLI::App& app) {
    const std::vector<CLI::App*> chosen = app.get_subcommands();
    const std::string command = chosen.empty() ? "cdc-worker" : "cdc-worker " + chosen.front()->get_name();
    return {exit_usage, "cdc-worker: " + message + "\nTry \"" + command + " --help\".\n"};
}

// The first argument, where it is meant as a command and is none.
std::string unknown_command(const CLI::App& app, int argc, const char* const* argv) {
    if (argc < 2 || argv[1][0] == '-') return {};
    const auto named = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
    return app.get_subcommands(named).empty() ? argv[1] : "";
}

}  // namespace

std::variant<Command, Exit> parse(int argc, const char* const* argv) {
    Command result;
    std::string format = "text";
    CLI::App app(about, "cdc-worker");
    app.require_subcommand(1);
    app.set_help_flag("-h,--help", "show this help");
    app.get_formatter()->column_width(34);
    app.footer(main_footer);
    app.set_version_flag("--version", "cdc-worker " CDC_WORKER_VERSION);
    add_run(app, result);
    add_check(app, result, format);
    std::string action;
    add_snapshot(app, result, action);
    add_others(app, result);
    if (argc < 2) return Exit{exit_usage, app.help() + "\n"};
    if (const std::string word = unknown_command(app, argc, argv); !word.empty())
        return usage("there is no command \"" + word + "\"", app);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp& help) {
        return Exit{exit_ok, app.help() + "\n"};
    } catch (const CLI::CallForVersion& version) {
        return Exit{exit_ok, std::string(version.what()) + "\n"};
    } catch (const CLI::ParseError& error) {
        return usage(error.what(), app);
    }
    return result;
}

}  // namespace cdc::cli
