// The command line of cdc-worker: argv to a plain struct, and every help text. Shell completion
// (worker/completion/cdc-worker.bash) and the manual page (worker/man/cdc-worker.1) follow it; a test holds
// them so. Owner: main. Thread: pure function.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cdc::cli {

enum class Verb {
    run,       // run the pipelines until a signal
    check,     // judge the configuration and the databases, start nothing
    version,   // of the worker and its libraries
    config,    // print the reference of the configuration as Markdown
    snapshot,  // ask for, steer and show the reading of tables beside the stream
};

enum class Report { text, json };

enum class SnapshotAction { start, pause, resume, stop, status };

struct Command {
    Verb verb = Verb::version;
    std::string config_file;                         // run, check: as given
    std::vector<std::string> pipelines;              // run, check: --pipeline; empty: all
    bool progress = false;                           // run: a progress line and a summary on standard error
    std::optional<std::string> log_level;            // run: overrides log.level of the file
    Report report = Report::text;                    // check: --format
    SnapshotAction action = SnapshotAction::status;  // snapshot
    std::string table;                               // snapshot: --table, schema.table; empty: all
    std::string where;                               // snapshot start: --where, SQL; empty: all rows
};

// There is nothing to do: print text (to standard output where code is exit_ok, else to standard error) and
// exit.
struct Exit {
    int code = 0;
    std::string text;
};

// Wrong arguments give exit_usage and a text that names them; --help gives exit_ok and the help of its level.
std::variant<Command, Exit> parse(int argc, const char* const* argv);

}  // namespace cdc::cli
