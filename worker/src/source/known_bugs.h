// Bugs of PostgreSQL's logical decoding that make our guarantee false below a minor release, from the release
// notes. Owner: nobody. Thread: pure functions.
#pragma once

#include <string>
#include <vector>

namespace cdc::source {

struct KnownBug {
    std::string what;
    std::string fixed_in;  // "15.13"; empty where this major never got the fix
};

// server_version: PQserverVersion's number (150020 is 15.20). Nothing for majors outside 13–18.
std::vector<KnownBug> known_bugs(int server_version);

// "15.20" for 150020.
std::string version_text(int server_version);

}  // namespace cdc::source
