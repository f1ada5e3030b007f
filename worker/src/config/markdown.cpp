#include <sstream>

#include "config/options.h"

namespace cdc::config {
namespace {

constexpr std::string_view introduction =
    R"(# Configuration

One YAML file says what `cdc-worker` runs. Begin with
[cdc-worker.example.yaml](../worker/cdc-worker.example.yaml); `cdc-worker check -c FILE` says everything that is wrong
with a file, with line and column, before anything is started. This page is printed from the worker's own table of
options (`cdc-worker config --markdown`).

```yaml
pipelines:
  - name: booking
    source:
      dsn: "host=db1 dbname=shop user=cdc password=${CDC_PASSWORD}"
    sinks:
      - kafka: {brokers: "kafka1:9092,kafka2:9092"}
```

- **Unknown and duplicate keys are refused**, with the nearest key that is known.
- **`${NAME}`** in a value is replaced by the environment variable, after YAML has been read: a variable can't add keys.
  One that is not set is an error, unless a default is given: `${NAME:-default}`. `$${` stands for `${`.
- **Sizes** are whole numbers with `B`, `KiB`, `MiB` or `GiB`; **durations** whole numbers with `ms`, `s`, `min`, `h` or
  `d`.
- **Anchors, aliases and `<<`** work, so that several pipelines can share what they have in common. The file has at most
  1 MiB.
- **Secrets** belong in the environment, or in libpq's password file. Nothing that may hold one is ever logged. The
  worker warns of a password that is written out in a file which every user of the machine can read.
)";

std::string heading(const Option& section) {
    if (section.type == Type::sections) return std::string(section.path) + "[]";
    return std::string(section.path);
}

std::string type_name(const Option& option) {
    switch (option.type) {
        case Type::section:
            return "map";
        case Type::sections:
            return "list";
        case Type::text:
            return "text";
        case Type::boolean:
            return "boolean";
        case Type::number:
            return "number";
        case Type::bytes:
            return "size";
        case Type::duration:
            return "duration";
        case Type::list:
            return "list of texts";
        case Type::map:
            return "map of texts";
        case Type::choice:
            break;
    }
    std::string words;
    for (const std::string_view word : option.words)
        words += (words.empty() ? "`" : ", `") + std::string(word) + "`";
    return words;
}

std::string default_of(const Option& option) {
    if (option.required) return "**required**";
    if (!option.default_note.empty()) return std::string(option.default_note);
    return option.default_text.empty() ? "" : "`" + std::string(option.default_text) + "`";
}

// One table: the keys of a section. Sections among them have tables of their own.
void write_section(const Option& section, std::ostringstream& out) {
    const std::string path = heading(section);
    out << "\n## `" << path << "`\n\n" << section.description << (section.required ? " Required.\n" : "\n");
    const std::vector<const Option*> keys = options_of(path);
    if (keys.empty()) {
        out << "\nIt takes no keys.\n";
        return;
    }
    out << "\n| key | value | default | meaning |\n|---|---|---|---|\n";
    for (const Option* key : keys) {
        out << "| `" << key->name() << "` | " << type_name(*key) << " | " << default_of(*key) << " | "
            << key->description << (key->secret ? " May hold secrets: never shown." : "") << " |\n";
    }
}

}  // namespace

std::string options_markdown() {
    std::ostringstream out;
    out << introduction;
    for (const Option& option : options()) {
        if (option.type == Type::section || option.type == Type::sections) write_section(option, out);
    }
    return out.str();
}

}  // namespace cdc::config
