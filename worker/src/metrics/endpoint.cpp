#include "metrics/endpoint.h"

#include <CivetServer.h>
#include <fmt/format.h>
#include <prometheus/exposer.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "metrics/worker_metrics.h"

namespace cdc::metrics {
namespace {

constexpr const char* path = "/metrics";

// What civetweb says while the endpoint opens, on this thread: nowhere else is the reason of a failure to be
// had.
thread_local std::string* said = nullptr;

int take_message(const mg_connection*, const char* message) {
    if (said != nullptr && said->empty()) *said = message;
    return 1;  // it is not to log by itself
}

// Before any handler: those answer whatever begins with their path, and other methods in ways of their own.
int refuse_other_requests(mg_connection* connection) {
    const mg_request_info* request = mg_get_request_info(connection);
    const bool here = request->local_uri != nullptr && std::string_view(request->local_uri) == path;
    if (here && std::string_view(request->request_method) == "GET") return 0;
    mg_printf(connection, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
              here ? "405 Method Not Allowed\r\nAllow: GET" : "404 Not Found");
    return here ? 405 : 404;
}

// "cannot bind to 127.0.0.1:9464: 98 (Address already in use)" says the address once more.
std::string reason_of(const std::string& message) {
    const std::size_t begin = message.rfind('('), end = message.rfind(')');
    if (begin == std::string::npos || end == std::string::npos || end < begin) return message;
    return message.substr(begin + 1, end - begin - 1);
}

Status refusal(const std::string& listen, const std::string& reason) {
    return Status::fatal("metrics: can't listen at " + listen + ": " + reason,
                         "set metrics.listen to an address of this machine and a port that nobody has, or "
                         "remove it");
}

// Takes as long whatever is equal.
bool same(const std::string& given, const std::string& wanted) {
    unsigned different = given.size() != wanted.size();
    for (std::size_t i = 0; i < given.size() && !wanted.empty(); ++i)
        different |= static_cast<unsigned char>(given[i] ^ wanted[i % wanted.size()]);
    return different == 0;
}

std::vector<std::string> options(const std::string& listen) {
    return {"listening_ports",    listen,  "num_threads",      "2",  "enable_keep_alive", "no",
            "request_timeout_ms", "10000", "connection_queue", "16", "listen_backlog",    "16"};
}

}  // namespace

// The Exposer only borrows the metrics: they go after it.
struct Endpoint::Library {
    std::shared_ptr<WorkerMetrics> metrics;
    std::unique_ptr<prometheus::Exposer> exposer;
};

Endpoint::Endpoint(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Endpoint::~Endpoint() = default;

int Endpoint::port() const {
    return library_->exposer->GetListeningPorts().at(0);
}

Result<std::unique_ptr<Endpoint>> Endpoint::open(const config::Metrics& config,
                                                 std::vector<MeasuredPipeline> pipelines) {
    if (config.ipv6 && mg_check_feature(MG_FEATURES_IPV6) == 0)
        return refusal(config.listen, "the HTTP library of this system is built without IPv6");
    CivetCallbacks callbacks;
    callbacks.log_message = take_message;
    callbacks.begin_request = refuse_other_requests;
    auto library = std::make_unique<Library>();
    library->metrics = std::make_shared<WorkerMetrics>(std::move(pipelines));
    std::string message;
    said = &message;
    try {
        library->exposer = std::make_unique<prometheus::Exposer>(options(config.listen), &callbacks);
    } catch (const std::exception& error) {
        said = nullptr;
        return refusal(config.listen, message.empty() ? error.what() : reason_of(message));
    }
    said = nullptr;
    // First who may read, then what there is to read.
    if (!config.username.empty()) {
        library->exposer->RegisterAuth(
            [config](const std::string& user, const std::string& password) {
                const bool right_user = same(user, config.username);
                return same(password, config.password) && right_user;
            },
            "cdc-worker", path);
    }
    library->exposer->RegisterCollectable(library->metrics, path);
    std::unique_ptr<Endpoint> endpoint(new Endpoint(std::move(library)));
    const std::string address =
        fmt::format("{}:{}", config.listen.substr(0, config.listen.rfind(':')), endpoint->port());
    log_info("metrics at http://{}{}", address, path);
    if (!config.loopback && config.password.empty())
        log_warning(
            "metrics: whoever reaches {} over the network may read them: set metrics.username and "
            "metrics.password, or listen at 127.0.0.1",
            address);
    return endpoint;
}

}  // namespace cdc::metrics
