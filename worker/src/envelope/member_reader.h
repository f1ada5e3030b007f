// MemberReader: walks the members of a raw JSON object one by one, as views into it, without allocating: what
// a sink uses that looks at every value of every row. Thread: plain value; the views live as long as the
// object's bytes. Failure: failed() where the text is not an object (docs/envelope.md: no insignificant
// whitespace).
#pragma once

#include <string_view>

#include "envelope/event_reader.h"

namespace cdc {

class MemberReader {
  public:
    explicit MemberReader(std::string_view object) : object_(object) {
        failed_ = object.size() < 2 || object.front() != '{' || object.back() != '}';
    }

    // Steps to the next member; false at the end and where the text is malformed.
    bool next() {
        if (failed_ || object_[at_] == '}') return false;
        const std::size_t name_end = skip_json_value(object_, at_);
        if (name_end == std::string_view::npos || object_[at_] != '"' || object_[name_end] != ':')
            return fail();
        const std::size_t value_end = skip_json_value(object_, name_end + 1);
        if (value_end == std::string_view::npos || value_end >= object_.size()) return fail();
        name_ = object_.substr(at_ + 1, name_end - at_ - 2);
        value_ = object_.substr(name_end + 1, value_end - name_end - 1);
        at_ = value_end;
        if (object_[at_] == ',') ++at_;
        return at_ < object_.size() || fail();
    }

    std::string_view name() const { return name_; }    // content of the JSON string, escapes kept
    std::string_view value() const { return value_; }  // raw
    bool failed() const { return failed_; }

  private:
    bool fail() {
        failed_ = true;
        return false;
    }

    std::string_view object_;
    std::size_t at_ = 1;
    std::string_view name_, value_;
    bool failed_ = false;
};

}  // namespace cdc
