// Status and Result<T>: how every fallible call of the worker reports.
//
// The code says what the caller may do about it, which is also the sinks' vocabulary (sinks/sink.h):
//   ok      done
//   retry   a passing trouble (connection lost, server starting): try again after a backoff; retry_now where
//           something was learned, so that the next attempt goes otherwise and need not wait
//   reject  this event can't be accepted, however often it is tried; others can
//   fatal   nothing here mends it: stop and tell a person
// A message follows PostgreSQL's style (lower case, no period, names the thing); the hint is the way out.
// Thread: plain values.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace cdc {

enum class StatusCode { ok, retry, reject, fatal };

class [[nodiscard]] Status {
  public:
    Status() = default;  // ok
    static Status retry(std::string message, std::string hint = {}) {
        return {StatusCode::retry, std::move(message), std::move(hint)};
    }
    static Status retry_now(std::string message, std::string hint = {}) {
        Status status = retry(std::move(message), std::move(hint));
        status.now_ = true;
        return status;
    }
    static Status reject(std::string message, std::string hint = {}) {
        return {StatusCode::reject, std::move(message), std::move(hint)};
    }
    static Status fatal(std::string message, std::string hint = {}) {
        return {StatusCode::fatal, std::move(message), std::move(hint)};
    }

    bool ok() const { return code_ == StatusCode::ok; }
    StatusCode code() const { return code_; }
    bool now() const { return now_; }  // retry_now
    const std::string& message() const { return message_; }
    const std::string& hint() const { return hint_; }

    // "message (hint: …)" for a log line.
    std::string to_string() const { return hint_.empty() ? message_ : message_ + " (hint: " + hint_ + ")"; }

    // The same status, its message preceded by where it happened: "sink kafka: …".
    Status in(const std::string& where) const {
        Status status(code_, where + ": " + message_, hint_);
        status.now_ = now_;
        return status;
    }

  private:
    Status(StatusCode code, std::string message, std::string hint)
        : code_(code), message_(std::move(message)), hint_(std::move(hint)) {}

    StatusCode code_ = StatusCode::ok;
    bool now_ = false;
    std::string message_;
    std::string hint_;
};

// A T, or the Status (never ok) that says why there is none.
template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::move(value)) {}
    Result(Status status) : state_(std::move(status)) {}

    bool ok() const { return state_.index() == 0; }
    T& value() & { return std::get<0>(state_); }
    const T& value() const& { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    T* operator->() { return &std::get<0>(state_); }
    const T* operator->() const { return &std::get<0>(state_); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    Status status() const { return ok() ? Status{} : std::get<1>(state_); }

  private:
    std::variant<T, Status> state_;
};

}  // namespace cdc

// Hands a failure on to the caller.
#define CDC_RETURN_IF_ERROR(expression)                                          \
    do {                                                                         \
        if (::cdc::Status status_ = (expression); !status_.ok()) return status_; \
    } while (0)
