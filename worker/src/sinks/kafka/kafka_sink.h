// KafkaSink: every event as a message, in the bytes in which it came, one topic per table (topic_names.h).
//
//   key     the envelope's key, raw; null where it is null. t: null (it concerns every partition). s, m, b,
//   e:
//           their source_id as a JSON string, so that those of one table, prefix, database stay in order
//   value   the envelope, not copied: the slice is kept until its messages are acknowledged
// While many messages are in flight, what comes is held back (decision 0215).
// A delete is followed by a null value under its key where tombstones are on. An update that changed its key
// goes as a delete under the old key and the update under the new one (key_change.h).
//
// Guarantee, with transactions (the default): events and position are one Kafka transaction (transactions.h),
// which holds whole source transactions; a read_committed reader sees each event once and never half a source
// transaction, but of one longer than the limits. Rows of a snapshot (r) may come again where the snapshot
// had to begin again. Without transactions: at least once; after a failure whole transactions come again in
// the same bytes. In both: in order per key; idempotent producer, acks=all (producer_settings.h). Idempotence
// key for readers: (commit_lsn, seq, source_id). The position counts only what every in-sync replica has.
//
// What the brokers refuse for good stops the pipeline or is parked (dead_letters.h).
//
// Owner: the pipeline. Thread: its runner's, but for delivered (any). Failure: a broker that can't be reached
// is no failure once the sink is open: librdkafka reconnects, the log says so, events wait within the
// pipeline's memory limit (with transactions, for commit_stall: then the pipeline begins again). Whatever
// librdkafka gives up becomes a Status (delivery_errors.h), which every later call repeats until the sink is
// closed: the pipeline makes a new producer and replays.
//
// kafka_sink.cpp: open, close and the order of things. kafka_sink_write.cpp: events to messages.
// kafka_sink_reports.cpp: what librdkafka says about them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "envelope/transaction_count.h"
#include "sinks/kafka/broker_watch.h"
#include "sinks/kafka/dead_letters.h"
#include "sinks/kafka/delivery_window.h"
#include "sinks/kafka/producers.h"
#include "sinks/kafka/topics.h"
#include "sinks/kafka/transactions.h"
#include "sinks/sink.h"

namespace cdc {

class KafkaSink final : public Sink, private kafka::ProducerListener {
  public:
    explicit KafkaSink(config::KafkaSink config);
    ~KafkaSink() override;

    std::string name() const override { return "kafka"; }
    Status open(const SinkContext& context) override;
    bool keeps_position() const override { return config_.transactions; }
    Result<std::optional<StoredPosition>> stored_position() override;
    // What an unfinished snapshot left stays in the topics: its rows come again under the same keys.
    Status begin_snapshot(Lsn consistent_point) override;
    Status end_snapshot(Lsn consistent_point) override;
    Status begin_streaming(Lsn start_lsn) override;
    Status write(const SlicePtr& slice) override;
    Status advance(Lsn lsn) override;
    Status poll() override;
    Status ran_dry() override;
    int wait_fd() const override { return producers_ ? producers_->wait_fd() : -1; }
    std::optional<std::chrono::steady_clock::time_point> poll_deadline() const override;
    Lsn durable_lsn() const override;
    std::uint64_t durable_progress() const override;
    std::uint64_t parked() const override { return dead_letters_.handed_over(); }
    Status flush(std::chrono::milliseconds timeout) override;
    void close() override;

    // Messages that the brokers have acknowledged since the start of the process, by topic; a replay counts
    // again. Thread: any.
    std::map<std::string, std::uint64_t> delivered() const { return topics_.delivered(); }

  private:
    using Entry = kafka::DeliveryWindow::Entry;
    using Clock = std::chrono::steady_clock;

    // How long a Kafka transaction may wait for its messages' reports before the pipeline begins again.
    static constexpr std::chrono::milliseconds commit_stall{10000};

    Status connect(std::vector<kafka::ProducerSettings> settings, const std::string& brokers,
                   const std::string& prefix);
    Status start_transactions(const SinkContext& context, const kafka::ProducerNeeds& needs,
                              const kafka::TransactionLimits& limits);
    Status claim();
    // So many messages in flight keep nothing back.
    static constexpr std::size_t few_messages = 64;

    Status write_checkpoint();
    Status commit(std::chrono::milliseconds stall);
    Status settle(std::chrono::milliseconds stall);
    void give_up_transaction();

    bool gathered(Clock::time_point now) const { return now >= gathering_since_ + patience_; }
    std::chrono::milliseconds patience_for(const Slice& slice) const;
    Status commit_when_dry();
    bool may_hand_over() const;
    Status hand_over_round();
    Status hand_over_all(std::chrono::milliseconds stall);
    Status hand_over(const SlicePtr& slice);
    Status send(Entry& entry, const Event& event);
    Status send_run(Entry& entry);
    Status send_key_change(Entry& entry, kafka::Topic& topic, const Event& event);
    Status produced(Entry& entry, kafka::Topic& topic, const Event& event, rd_kafka_resp_err_t error);
    Status not_taken(const Entry& entry, kafka::Topic& topic, const Event& event, rd_kafka_resp_err_t error);
    static Status topic_refused(kafka::Topic& topic, const Status& status);
    Status park(Entry& entry, const kafka::Topic& topic, const Event& event, const std::string& reason);

    void serve(std::chrono::milliseconds timeout);
    void look_into_gaps();
    void fail(Status status);
    Status failed(Status status);
    void serve_reports(std::chrono::milliseconds timeout);
    void refused(const rd_kafka_message_t& message, kafka::Topic& topic, const Entry& entry);
    void event_refused(const Event* event, const std::string& run_id, Status status);
    void registration_refused();
    Status reason_behind(rd_kafka_resp_err_t error, Status otherwise);

    void on_report(const rd_kafka_message_t& message) override;
    void on_fatal(rd_kafka_resp_err_t error, std::string_view text) override;
    void on_trouble(rd_kafka_resp_err_t error, std::string_view text) override;
    void on_topic_created(void* opaque, rd_kafka_resp_err_t error, std::string_view text) override;

    // Events of one slice and one topic that go to librdkafka together; empty but while a slice is handed
    // over.
    struct Run {
        kafka::Topic* topic = nullptr;
        std::vector<rd_kafka_message_t> messages;
        std::vector<const Event*> events;  // of each message

        void add(kafka::Topic& to, std::string_view key, const Event& event, Entry* entry);
        void clear();
    };

    // An event whose message was refused, maybe for another one of its batch. Both pointers are into its
    // slice, which the window holds.
    struct Suspect {
        const Event* event;
        const std::string* run_id;
        Status status;
    };

    const config::KafkaSink config_;
    kafka::Topics topics_;
    kafka::DeliveryWindow window_;
    kafka::DeadLetters dead_letters_;
    std::unique_ptr<kafka::Producers> producers_;
    std::optional<kafka::Transactions> transactions_;  // none: at least once
    bool positions_there_ = false;                     // the checkpoint topic exists
    bool claimed_ = false;                             // whoever had the pipeline before is fenced off
    std::optional<kafka::BrokerWatch> watch_;
    TransactionCount count_;
    std::size_t batch_bytes_ = 0;  // more than this is alone in its produce request
    Run run_;
    std::deque<SlicePtr> held_;  // written, and not handed over to librdkafka yet
    std::size_t held_bytes_ = 0;
    std::size_t most_held_ = 0;
    std::size_t round_bytes_ = 0;
    Lsn advance_to_;                         // announced behind what is held
    Clock::time_point gathering_since_;      // when the first slice behind a hand-over, or a commit, came
    std::chrono::milliseconds patience_{0};  // for how long it may wait for others to go with
    bool dry_ = false;                       // ran_dry has been called since the last slice
    Status failure_;                         // the first since open
    std::string gap_;  // the producer stopped as it would have left a gap; the gap's report is still to come
    bool purged_ = false;  // the Kafka transaction was given up; the reason's report may still be to come
    std::vector<Suspect> suspects_;  // among the reports at hand
    bool keyless_refused_ = false;   // among them is one of a message without a key
    bool closing_ = false;
    rd_kafka_resp_err_t last_trouble_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

}  // namespace cdc
