// The worker's log: one line per message on standard error, text or JSON, through spdlog
// (docs/operations.md). Row values are never logged above debug level, secrets never (config::redact_dsn).
// Use: log_info("pipeline {}: streaming from {}", name, lsn.to_string()). Thread: safe from any.
#pragma once

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

namespace cdc {

enum class LogFormat { text, json };

// level: trace, debug, info, warning, error (checked by config). Called once by main before threads start.
void log_init(const std::string& level, LogFormat format);

template <typename... Args>
void log_debug(spdlog::format_string_t<Args...> format, Args&&... args) {
    spdlog::debug(format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_info(spdlog::format_string_t<Args...> format, Args&&... args) {
    spdlog::info(format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_warning(spdlog::format_string_t<Args...> format, Args&&... args) {
    spdlog::warn(format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_error(spdlog::format_string_t<Args...> format, Args&&... args) {
    spdlog::error(format, std::forward<Args>(args)...);
}

}  // namespace cdc
