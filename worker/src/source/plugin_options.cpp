#include "source/plugin_options.h"

#include <cstddef>

namespace cdc::source {
namespace {

std::string joined(const std::vector<std::string>& items) {
    std::string list;
    for (const std::string& item : items)
        list += (list.empty() ? "" : ",") + item;
    return list;
}

// The plugin reads a list of names, in which dots, commas and quotes need quoting.
std::vector<std::string> quoted_names(const std::vector<std::string>& names) {
    std::vector<std::string> quoted;
    for (const std::string& name : names) {
        if (name.find_first_of(".,\"") == std::string::npos) {
            quoted.push_back(name);
            continue;
        }
        std::string text = "\"";
        for (const char c : name) {
            if (c == '"') text += '"';
            text += c;
        }
        quoted.push_back(text + '"');
    }
    return quoted;
}

class OptionList {
  public:
    void add(const char* name, std::string value) { options_.emplace_back(name, std::move(value)); }
    void add_unless(const char* name, const std::string& value, std::string_view default_value) {
        if (value != default_value) add(name, value);
    }
    PluginOptions take() { return std::move(options_); }

  private:
    PluginOptions options_;
};

// The options that decide which rows there are; stream and snapshot share them.
void add_choice(OptionList& options, const config::Source& source) {
    options.add_unless("publication_names", joined(quoted_names(source.publication_names)), "");
    options.add_unless("include_tables", joined(source.include_tables), "");
    options.add_unless("exclude_tables", joined(source.exclude_tables), "");
}

// Those, and the ones that decide what bytes a row has.
void add_row_options(OptionList& options, const config::Source& source) {
    options.add("projection", source.projection);
    options.add("source_commit", source.source_commit);
    options.add_unless("cluster", source.cluster, "");
    add_choice(options, source);
    options.add_unless("mask", joined(source.masks), "");
    options.add_unless("partition", source.partition, "leaf");
    options.add_unless("int8", source.int8, "number");
    options.add_unless("json", source.json, "native");
    options.add_unless("evidence", source.evidence, "hash");
    options.add_unless("max_value_bytes", std::to_string(source.max_value_bytes),
                       std::to_string(std::size_t{256} << 20));
}

std::vector<std::string> texts(OptionList& options) {
    std::vector<std::string> texts;
    for (const auto& [name, value] : options.take())
        texts.push_back(name + "=" + value);
    return texts;
}

}  // namespace

PluginOptions stream_options(const config::Source& source) {
    OptionList options;
    options.add("transactions", "on");
    options.add("batch_bytes", std::to_string(source.batch_bytes));
    add_row_options(options, source);
    options.add_unless("messages", source.messages, "transactional");
    options.add_unless("origin", source.origin, "any");
    return options.take();
}

std::vector<std::string> encode_options(const config::Source& source) {
    OptionList options;
    options.add_unless("slot", source.slot, "");
    add_row_options(options, source);
    return texts(options);
}

std::vector<std::string> capture_options(const config::Source& source) {
    OptionList options;
    options.add_unless("slot", source.slot, "");
    add_choice(options, source);
    return texts(options);
}

}  // namespace cdc::source
