#include "sinks/kafka/producer.h"

#include <syslog.h>

#include <array>
#include <utility>

#include "base/log.h"

namespace cdc::kafka {
namespace {

// What comes again as an event or a Status, where it is logged with the event's name or at a rate that an
// operator can bear (broker_watch.h), or is meant: our own use of a property that librdkafka calls
// experimental, and that a producer is given up with messages in it.
bool said_elsewhere(std::string_view facility, std::string_view text) {
    if (facility == "CONFWARN") return text.find("enable.gapless.guarantee") != std::string_view::npos;
    return facility == "FAIL" || facility == "ERROR" || facility == "FATAL" || facility == "TERMINATE" ||
           facility == "TXNERR";
}

// librdkafka's threads log here.
void log_line(const rd_kafka_t* client, int level, const char* facility, const char* text) {
    if (std::string_view(facility) == "ADDPARTS")
        static_cast<RegistrationRefusals*>(rd_kafka_opaque(client))->read(text);
    if (level >= LOG_NOTICE || said_elsewhere(facility, text)) {
        log_debug("kafka: {}: {}", facility, text);
    } else if (level <= LOG_CRIT) {
        log_error("kafka: {}: {}", facility, text);
    } else {
        log_warning("kafka: {}: {}", facility, text);
    }
}

// librdkafka takes const and mutable bytes by the same pointer, and only reads them.
void* mutable_bytes(std::string_view bytes) {
    return const_cast<char*>(bytes.data());
}

std::string_view or_empty(const char* text) {
    return text == nullptr ? std::string_view{} : text;
}

}  // namespace

Result<std::unique_ptr<Producer>> Producer::create(ProducerSettings settings, const EventFd& reported) {
    auto refusals = std::make_unique<RegistrationRefusals>();
    rd_kafka_conf_set_opaque(settings.conf.get(), refusals.get());
    rd_kafka_conf_set_log_cb(settings.conf.get(), log_line);
    rd_kafka_conf_set_events(settings.conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    std::array<char, 512> reason{};
    ClientHandle client(rd_kafka_new(RD_KAFKA_PRODUCER, settings.conf.get(), reason.data(), reason.size()));
    if (!client) {
        return Status::fatal(std::string("could not make a Kafka producer: ") + reason.data(),
                             "see the sink's properties");
    }
    [[maybe_unused]] rd_kafka_conf_t* taken = settings.conf.release();  // the client's now
    return std::unique_ptr<Producer>(
        new Producer(std::move(client), std::move(refusals), settings.create_topics, reported));
}

Producer::Producer(ClientHandle client, std::unique_ptr<RegistrationRefusals> refusals, bool create_topics,
                   const EventFd& reported)
    : refusals_(std::move(refusals)),
      client_(std::move(client)),
      queue_(rd_kafka_queue_get_main(client_.get())),
      create_topics_(create_topics) {
    static constexpr std::uint64_t one = 1;  // what eventfd(2) adds up
    rd_kafka_queue_io_event_enable(queue_.get(), reported.fd(), &one, sizeof one);
}

Producer::~Producer() {
    rd_kafka_purge(client_.get(),
                   RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

rd_kafka_resp_err_t Producer::fetch_topics(std::chrono::milliseconds timeout,
                                           std::vector<KnownTopic>& topics) {
    const struct rd_kafka_metadata* answer = nullptr;
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(client_.get(), 1, nullptr, &answer, static_cast<int>(timeout.count()));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
    const MetadataHandle metadata(answer);
    answering_broker_ = metadata->orig_broker_id;
    for (int i = 0; i < metadata->topic_cnt; ++i)
        topics.push_back({metadata->topics[i].topic, metadata->topics[i].partition_cnt});
    return error;
}

TopicHandle Producer::open_topic(const std::string& name, Partitioner partitioner, void* opaque,
                                 std::string& reason) {
    rd_kafka_topic_conf_t* conf = rd_kafka_default_topic_conf_dup(client_.get());
    rd_kafka_topic_conf_set_opaque(conf, opaque);
    rd_kafka_topic_conf_set_partitioner_cb(conf, partitioner);
    TopicHandle topic(rd_kafka_topic_new(client_.get(), name.c_str(), conf));  // takes conf in any case
    if (!topic) reason = rd_kafka_err2str(rd_kafka_last_error());
    return topic;
}

void Producer::create_topic(const std::string& name, void* opaque) {
    if (!create_topics_) return;
    std::array<char, 256> reason{};
    const NewTopicHandle topic(rd_kafka_NewTopic_new(name.c_str(), -1, -1, reason.data(), reason.size()));
    if (!topic) return;  // an impossible name, which open_topic reports
    const AdminOptionsHandle options(
        rd_kafka_AdminOptions_new(client_.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS));
    rd_kafka_AdminOptions_set_opaque(options.get(), opaque);
    std::array<rd_kafka_NewTopic_t*, 1> wanted = {topic.get()};
    rd_kafka_CreateTopics(client_.get(), wanted.data(), wanted.size(), options.get(), queue_.get());
}

rd_kafka_resp_err_t Producer::produce(rd_kafka_topic_t* topic, std::string_view key, std::string_view value,
                                      void* opaque) {
    return produce(topic, RD_KAFKA_PARTITION_UA, 0, key, value, opaque);
}

void Producer::produce_all(rd_kafka_topic_t* topic, std::span<rd_kafka_message_t> messages) {
    rd_kafka_produce_batch(topic, RD_KAFKA_PARTITION_UA, 0, messages.data(),
                           static_cast<int>(messages.size()));
}

rd_kafka_resp_err_t Producer::produce_copy(rd_kafka_topic_t* topic, std::string_view key,
                                           std::string_view value, void* opaque) {
    return produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, key, value, opaque);
}

rd_kafka_resp_err_t Producer::produce_to(rd_kafka_topic_t* topic, std::int32_t partition,
                                         std::string_view key, std::string_view value, void* opaque) {
    return produce(topic, partition, RD_KAFKA_MSG_F_COPY, key, value, opaque);
}

rd_kafka_resp_err_t Producer::produce(rd_kafka_topic_t* topic, std::int32_t partition, int flags,
                                      std::string_view key, std::string_view value, void* opaque) {
    const int failed = rd_kafka_produce(topic, partition, flags, mutable_bytes(value), value.size(),
                                        key.data(), key.size(), opaque);
    return failed == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error();
}

rd_kafka_resp_err_t Producer::produce_with_headers(rd_kafka_topic_t* topic, std::string_view key,
                                                   std::string_view value, const Headers& headers,
                                                   void* opaque) {
    rd_kafka_headers_t* list = rd_kafka_headers_new(headers.size());
    for (const auto& [name, text] : headers)
        rd_kafka_header_add(list, name.c_str(), -1, text.data(), static_cast<ssize_t>(text.size()));
    const rd_kafka_resp_err_t error =
        rd_kafka_producev(client_.get(), RD_KAFKA_V_RKT(topic), RD_KAFKA_V_MSGFLAGS(0),
                          RD_KAFKA_V_VALUE(mutable_bytes(value), value.size()),
                          RD_KAFKA_V_KEY(static_cast<const void*>(key.data()), key.size()),
                          RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(list);  // else the message's now
    return error;
}

ErrorHandle Producer::init_transactions(std::chrono::milliseconds timeout) {
    return ErrorHandle(rd_kafka_init_transactions(client_.get(), static_cast<int>(timeout.count())));
}

ErrorHandle Producer::begin_transaction() {
    return ErrorHandle(rd_kafka_begin_transaction(client_.get()));
}

ErrorHandle Producer::commit_transaction(std::chrono::milliseconds timeout) {
    return ErrorHandle(rd_kafka_commit_transaction(client_.get(), static_cast<int>(timeout.count())));
}

ErrorHandle Producer::abort_transaction(std::chrono::milliseconds timeout) {
    return ErrorHandle(rd_kafka_abort_transaction(client_.get(), static_cast<int>(timeout.count())));
}

std::string Producer::transactional_id() const {
    std::array<char, 512> value{};
    std::size_t size = value.size();
    rd_kafka_conf_get(rd_kafka_conf(client_.get()), "transactional.id", value.data(), &size);
    return value.data();
}

void Producer::purge() {
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

rd_kafka_resp_err_t Producer::create_topic_now(const NewTopic& topic, std::chrono::milliseconds timeout,
                                               std::string& reason) {
    if (!create_topics_) {
        reason = "allow.auto.create.topics is false";
        return RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
    }
    std::array<char, 256> invalid{};
    const NewTopicHandle wanted(
        rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, -1, invalid.data(), invalid.size()));
    if (!wanted) {
        reason = invalid.data();
        return RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
    }
    for (const auto& [name, value] : topic.config)
        rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str());
    const QueueHandle answers(rd_kafka_queue_new(client_.get()));
    std::array<rd_kafka_NewTopic_t*, 1> list = {wanted.get()};
    rd_kafka_CreateTopics(client_.get(), list.data(), list.size(), nullptr, answers.get());
    const EventHandle event(rd_kafka_queue_poll(answers.get(), static_cast<int>(timeout.count())));
    if (!event) {
        reason = "no answer";
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    std::size_t count = 0;
    const rd_kafka_topic_result_t** results = nullptr;
    if (const rd_kafka_CreateTopics_result_t* result = rd_kafka_event_CreateTopics_result(event.get()))
        results = rd_kafka_CreateTopics_result_topics(result, &count);
    const rd_kafka_resp_err_t error =
        count == 1 ? rd_kafka_topic_result_error(results[0]) : rd_kafka_event_error(event.get());
    reason = or_empty(count == 1 ? rd_kafka_topic_result_error_string(results[0])
                                 : rd_kafka_event_error_string(event.get()));
    if (reason.empty()) reason = rd_kafka_err2str(error);
    return error;
}

rd_kafka_resp_err_t Producer::fetch_topic_setting(const std::string& topic, const std::string& setting,
                                                  std::chrono::milliseconds timeout, std::string& answer) {
    const ConfigResourceHandle wanted(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
    const QueueHandle answers(rd_kafka_queue_new(client_.get()));
    const AdminOptionsHandle options(
        rd_kafka_AdminOptions_new(client_.get(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS));
    // Every broker knows the topics' settings; the default is the controller.
    rd_kafka_AdminOptions_set_broker(options.get(), answering_broker_, nullptr, 0);
    std::array<rd_kafka_ConfigResource_t*, 1> list = {wanted.get()};
    rd_kafka_DescribeConfigs(client_.get(), list.data(), list.size(), options.get(), answers.get());
    const EventHandle event(rd_kafka_queue_poll(answers.get(), static_cast<int>(timeout.count())));
    if (!event) {
        answer = "no answer";
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    std::size_t count = 0;
    const rd_kafka_ConfigResource_t** resources = nullptr;
    if (const rd_kafka_DescribeConfigs_result_t* result = rd_kafka_event_DescribeConfigs_result(event.get()))
        resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
    const rd_kafka_resp_err_t error =
        count == 1 ? rd_kafka_ConfigResource_error(resources[0]) : rd_kafka_event_error(event.get());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        answer = or_empty(count == 1 ? rd_kafka_ConfigResource_error_string(resources[0])
                                     : rd_kafka_event_error_string(event.get()));
        if (answer.empty()) answer = rd_kafka_err2str(error);
        return error;
    }
    std::size_t settings = 0;
    const rd_kafka_ConfigEntry_t** entries = nullptr;
    if (count == 1) entries = rd_kafka_ConfigResource_configs(resources[0], &settings);
    for (std::size_t i = 0; i < settings; ++i) {
        if (setting != rd_kafka_ConfigEntry_name(entries[i])) continue;
        answer = or_empty(rd_kafka_ConfigEntry_value(entries[i]));
        return error;
    }
    answer = "the brokers know no setting of that name";
    return RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
}

rd_kafka_resp_err_t Producer::look_at_topic(const std::string& name, std::chrono::milliseconds timeout) {
    const TopicHandle topic(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
    if (!topic) return rd_kafka_last_error();
    const struct rd_kafka_metadata* answer = nullptr;
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(client_.get(), 0, topic.get(), &answer, static_cast<int>(timeout.count()));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
    const MetadataHandle metadata(answer);
    return metadata->topic_cnt == 1 ? metadata->topics[0].err : error;
}

void Producer::serve(ProducerListener& listener, std::chrono::milliseconds timeout) {
    int wait_ms = static_cast<int>(timeout.count());
    while (const EventHandle event{rd_kafka_queue_poll(queue_.get(), wait_ms)}) {
        handle(event.get(), listener);
        wait_ms = 0;
    }
}

void Producer::handle(rd_kafka_event_t* event, ProducerListener& listener) {
    switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_DR:
            while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event))
                listener.on_report(*message);
            break;
        case RD_KAFKA_EVENT_ERROR:
            handle_error(event, listener);
            break;
        case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
            handle_created(event, listener);
            break;
        default:
            break;
    }
}

void Producer::handle_error(rd_kafka_event_t* event, ProducerListener& listener) {
    const rd_kafka_resp_err_t error = rd_kafka_event_error(event);  // of a fatal one: the reason behind it
    const std::string_view text = or_empty(rd_kafka_event_error_string(event));
    if (rd_kafka_event_error_is_fatal(event)) {
        listener.on_fatal(error, text);
    } else {
        listener.on_trouble(error, text);
    }
}

void Producer::handle_created(rd_kafka_event_t* event, ProducerListener& listener) {
    const rd_kafka_CreateTopics_result_t* result = rd_kafka_event_CreateTopics_result(event);
    std::size_t count = 0;
    const rd_kafka_topic_result_t** topics = rd_kafka_CreateTopics_result_topics(result, &count);
    void* const opaque = rd_kafka_event_opaque(event);
    if (count == 1) {
        listener.on_topic_created(opaque, rd_kafka_topic_result_error(topics[0]),
                                  or_empty(rd_kafka_topic_result_error_string(topics[0])));
    } else {  // the request as a whole failed
        listener.on_topic_created(opaque, rd_kafka_event_error(event),
                                  or_empty(rd_kafka_event_error_string(event)));
    }
}

}  // namespace cdc::kafka
