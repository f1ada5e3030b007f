#include "base/failpoint.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

namespace cdc {
namespace {

enum class Action { kill, freeze, fail };

struct Point {
    std::string name;
    int at = 0;  // 0: every passing
    Action action = Action::kill;
    std::atomic<int> passed{0};
};

[[noreturn]] void refuse(std::string_view item) {
    std::fprintf(stderr, "CDC_FAILPOINT: \"%.*s\" is not name[@n]:kill|freeze|fail\n",
                 static_cast<int>(item.size()), item.data());
    _exit(2);
}

Action action_named(std::string_view word, std::string_view item) {
    if (word == "kill") return Action::kill;
    if (word == "freeze") return Action::freeze;
    if (word == "fail") return Action::fail;
    refuse(item);
}

void read_point(std::string_view item, Point& point) {
    const std::size_t colon = item.find(':');
    if (colon == std::string_view::npos || colon == 0) refuse(item);
    std::string_view name = item.substr(0, colon);
    if (const std::size_t at = name.find('@'); at != std::string_view::npos) {
        const std::string_view number = name.substr(at + 1);
        const auto read = std::from_chars(number.data(), number.data() + number.size(), point.at);
        if (read.ec != std::errc{} || read.ptr != number.data() + number.size() || point.at < 1) refuse(item);
        name = name.substr(0, at);
    }
    point.name = name;
    point.action = action_named(item.substr(colon + 1), item);
}

std::deque<Point> read_points() {
    std::deque<Point> points;
    const char* const text = std::getenv("CDC_FAILPOINT");
    std::string_view rest = text == nullptr ? std::string_view{} : text;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(','), rest.size());
        read_point(rest.substr(0, end), points.emplace_back());
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return points;
}

Status act(const Point& point) {
    // Without the logger: what is in its buffers is lost, as in a crash.
    std::fprintf(stderr, "failpoint %s\n", point.name.c_str());
    switch (point.action) {
        case Action::kill:
            ::kill(getpid(), SIGKILL);
            break;
        case Action::freeze:
            ::kill(getpid(), SIGSTOP);
            break;
        case Action::fail:
            return Status::retry("failpoint " + point.name);
    }
    return {};
}

}  // namespace

Status failpoint(std::string_view name) {
    static std::deque<Point> points = read_points();
    if (points.empty()) [[likely]]
        return {};
    for (Point& point : points) {
        if (point.name != name) continue;
        const int passing = point.passed.fetch_add(1, std::memory_order_relaxed) + 1;
        if (point.at == 0 || point.at == passing) CDC_RETURN_IF_ERROR(act(point));
    }
    return {};
}

}  // namespace cdc
