#include "config/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "config/bind.h"
#include "config/literal_secret.h"
#include "config/nearest.h"
#include "config/section.h"
#include "config/yaml_tree.h"

namespace cdc::config {
namespace {

struct FileText {
    std::string text;
    bool others_read = false;  // its mode lets every user of the machine read it
    std::string error;
};

FileText failed(int error) {
    return {"", false, std::strerror(error)};
}

FileText read_file(const std::string& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failed(errno);
    FileText result;
    struct stat facts {};
    int error = ::fstat(fd, &facts) != 0 ? errno : 0;
    result.others_read = (facts.st_mode & S_IROTH) != 0;
    // One byte past the bound is enough for the reader of the text to refuse it.
    std::string piece(64 * 1024, '\0');
    while (error == 0 && result.text.size() <= max_file_bytes) {
        const ssize_t got = ::read(fd, piece.data(), piece.size());
        if (got == 0) break;
        if (got > 0)
            result.text.append(piece, 0, static_cast<std::size_t>(got));
        else if (errno != EINTR)
            error = errno;
    }
    ::close(fd);
    return error != 0 ? failed(error) : result;
}

void sort_by_place(Problems& problems) {
    std::ranges::stable_sort(problems, [](const Problem& a, const Problem& b) {
        return a.place.line != b.place.line ? a.place.line < b.place.line : a.place.column < b.place.column;
    });
}

Loaded load(const std::string& text, const Environment& environment, bool others_read) {
    Loaded loaded;
    const YamlNode document = parse_yaml(text, loaded.problems);
    const bool broken = document.kind == YamlNode::Kind::null && has_errors(loaded.problems);
    if (!broken) {
        const Section sections = read_document(document, environment, loaded.problems);
        Config config = bind_config(sections, loaded.problems);
        if (others_read) warn_of_literal_secrets(sections, loaded.problems);
        if (!has_errors(loaded.problems)) loaded.config = std::move(config);
    }
    sort_by_place(loaded.problems);
    return loaded;
}

}  // namespace

std::string Loaded::to_string(const std::string& file) const {
    std::string text;
    for (const Problem& problem : problems)
        text += problem.to_string(file) + "\n";
    return text;
}

Loaded load_file(const std::string& file, const Environment& environment) {
    const FileText read = read_file(file);
    if (read.error.empty()) return load(read.text, environment, read.others_read);
    Loaded loaded;
    loaded.problems.push_back(
        {Severity::error, {}, "", "could not read the configuration: " + read.error, ""});
    return loaded;
}

Loaded load_text(const std::string& text, const Environment& environment) {
    return load(text, environment, false);
}

std::optional<Problem> select_pipelines(Config& config, const std::vector<std::string>& names) {
    if (names.empty()) return {};
    std::vector<std::string_view> known;
    for (const Pipeline& pipeline : config.pipelines)
        known.push_back(pipeline.name);
    for (const std::string& name : names) {
        if (std::ranges::find(known, name) != known.end()) continue;
        const std::string_view near = nearest(name, known);
        return Problem{
            Severity::error,
            {},
            "pipelines",
            "no pipeline is called \"" + name + "\"",
            near.empty() ? "see the names in the file" : "did you mean \"" + std::string(near) + "\""};
    }
    std::erase_if(config.pipelines, [&](const Pipeline& pipeline) {
        return std::ranges::find(names, pipeline.name) == names.end();
    });
    return {};
}

}  // namespace cdc::config
