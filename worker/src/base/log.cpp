#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

namespace cdc {
namespace {

// %* in the JSON pattern: the message as the content of a JSON string.
class JsonMessage : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
        constexpr char hex[] = "0123456789abcdef";
        for (const char c : message.payload) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '"' || c == '\\') {
                out.push_back('\\');
                out.push_back(c);
            } else if (byte < 0x20) {
                for (const char escape : {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]})
                    out.push_back(escape);
            } else {
                out.push_back(c);
            }
        }
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

}  // namespace

void log_init(const std::string& level, LogFormat format) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<JsonMessage>('*');
    formatter->set_pattern(format == LogFormat::json
                               ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","message":"%*"})"
                               : "%Y-%m-%dT%H:%M:%S.%fZ %-7l %v");
    auto logger =
        std::make_shared<spdlog::logger>("cdc-worker", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_formatter(std::move(formatter));
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
}

}  // namespace cdc
