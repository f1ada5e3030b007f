#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <string_view>

namespace cdc {
namespace {

// Bytes of the UTF-8 character that text begins with; 0 where it is none (RFC 3629).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if (byte(i) >> 6 != 2) return 0;
    }
    const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool surrogate = first == 0xed && byte(1) >= 0xa0;
    const bool beyond = first == 0xf4 && byte(1) >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

// %*: the message on one line. What a server or a broker says is part of it, and must neither break the line
// (a forged entry) nor, in JSON, the document.
class OneLine : public spdlog::custom_flag_formatter {
  public:
    explicit OneLine(LogFormat format) : format_(format) {}

    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
        std::string_view rest(message.payload.data(), message.payload.size());
        while (!rest.empty()) {
            const std::size_t length = utf8_length(rest);
            if (length == 1) {
                write_ascii(rest.front(), out);
            } else if (length > 1) {
                out.append(rest.substr(0, length));
            } else {
                out.append(std::string_view("\xef\xbf\xbd"));  // U+FFFD, replacement character
            }
            rest.remove_prefix(length == 0 ? 1 : length);
        }
    }
    std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<OneLine>(format_);
    }

  private:
    void write_ascii(char c, spdlog::memory_buf_t& out) const {
        constexpr char hex[] = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(c);
        if (byte == '\n' || byte == '\t') {
            out.push_back('\\');
            out.push_back(byte == '\n' ? 'n' : 't');
        } else if (byte < 0x20 || byte == 0x7f) {
            for (const char escape : {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]})
                out.push_back(escape);
        } else {
            if (format_ == LogFormat::json && (c == '"' || c == '\\')) out.push_back('\\');
            out.push_back(c);
        }
    }

    const LogFormat format_;
};

}  // namespace

void log_init(const std::string& level, LogFormat format) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<OneLine>('*', format);
    formatter->set_pattern(format == LogFormat::json
                               ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","message":"%*"})"
                               : "%Y-%m-%dT%H:%M:%S.%fZ %-7l %*");
    auto logger =
        std::make_shared<spdlog::logger>("cdc-worker", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_formatter(std::move(formatter));
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
}

}  // namespace cdc
