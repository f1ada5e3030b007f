#include "sinks/kafka/kafka_sink.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "base/log.h"
#include "sinks/kafka/delivery_errors.h"
#include "sinks/kafka/embedded_cluster.h"
#include "sinks/kafka/producer_settings.h"
#include "sinks/kafka/topic_names.h"

namespace cdc {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_contact{5000};    // how long open waits for a broker
constexpr milliseconds step{100};              // how long one wait for reports lasts
constexpr milliseconds commit_timeout{15000};  // after which a commit's outcome counts as unknown
constexpr milliseconds snapshot_stall{60000};  // end_snapshot gives up after so long without a report
constexpr milliseconds farewell{2000};         // how long close may take to abort a transaction

// Names the pipeline towards the transaction coordinator, which lets one producer of the name live. A topic's
// name has no slash, so that no two pipelines make the same of their names.
std::string transactional_id_of(const std::string& prefix, const std::string& pipeline) {
    return "cdc-worker." + prefix + (prefix == pipeline ? "" : "/" + pipeline);
}

}  // namespace

KafkaSink::KafkaSink(config::KafkaSink config)
    : config_(std::move(config)),
      dead_letters_(config_.dead_letter_topic, config_.on_reject == config::OnReject::park) {}

KafkaSink::~KafkaSink() {
    close();
}

Status KafkaSink::open(const SinkContext& context) {
    close();
    const std::string prefix = config_.topic_prefix.empty() ? context.pipeline : config_.topic_prefix;
    CDC_RETURN_IF_ERROR(kafka::check_topic_prefix(prefix));
    kafka::ProducerNeeds needs{config_.brokers, "cdc-worker", "", dead_letters_.park()};
    if (config_.embedded) {
        const Result<kafka::EmbeddedCluster*> cluster = kafka::shared_embedded_cluster();
        if (!cluster.ok()) return cluster.status();
        needs.brokers = cluster.value()->bootstrap_servers();
    }
    if (config_.transactions) needs.transactional_id = transactional_id_of(prefix, context.pipeline);
    std::vector<kafka::ProducerSettings> settings;
    for (std::size_t turn = 0; turn < (config_.transactions ? kafka::Producers::most : 1); ++turn) {
        kafka::ProducerNeeds own = needs;
        if (turn > 0) own.transactional_id += "#" + std::to_string(turn + 1);
        Result<kafka::ProducerSettings> made = kafka::make_producer_settings(own, config_.properties);
        if (!made.ok()) return made.status();
        if (config_.embedded) made->create_topics = false;  // it makes them itself, and only so
        settings.push_back(std::move(made).value());
    }
    batch_bytes_ = settings[0].batch_bytes;
    round_bytes_ = batch_bytes_;
    most_held_ = context.memory_limit / 4;
    const kafka::TransactionLimits limits{config_.commit_interval, config_.transaction_max_bytes,
                                          settings[0].transaction_timeout / 2};
    Status status = connect(std::move(settings), needs.brokers, prefix);
    if (status.ok() && config_.transactions) status = start_transactions(context, needs, limits);
    if (!status.ok()) close();
    return status;
}

Status KafkaSink::connect(std::vector<kafka::ProducerSettings> settings, const std::string& brokers,
                          const std::string& prefix) {
    const kafka::Partitioner partitioner = settings[0].partitioner;
    Result<std::unique_ptr<kafka::Producers>> producers = kafka::Producers::create(std::move(settings));
    if (!producers.ok()) return producers.status();
    producers_ = std::move(producers).value();
    watch_.emplace(brokers);
    std::vector<kafka::Producer::KnownTopic> known;
    if (const rd_kafka_resp_err_t error = producers_->present().fetch_topics(first_contact, known)) {
        serve(milliseconds(0));  // the connections' own errors say more than that nobody answered
        return kafka::connect_failure(last_trouble_ ? last_trouble_ : error, watch_->message());
    }
    topics_.open(*producers_, prefix, partitioner, known);
    positions_there_ = std::ranges::any_of(
        known, [this](const auto& topic) { return topic.name == config_.checkpoint_topic; });
    log_info("kafka: connected to {}; topics {}.<schema>.<table>", brokers, prefix);
    return {};
}

// A position of elsewhere is only told: whether it may be replaced is the pipeline's to say, and until then
// whoever it belongs to is left alone.
Status KafkaSink::start_transactions(const SinkContext& context, const kafka::ProducerNeeds& needs,
                                     const kafka::TransactionLimits& limits) {
    kafka::Checkpoint identity;
    identity.pipeline = context.pipeline;
    identity.slot = context.slot;
    identity.database = context.source.database;
    identity.system_identifier = context.source.system_identifier;
    identity.timeline = context.source.timeline;
    identity.form = context.form;
    transactions_.emplace(kafka::CheckpointTopic(config_.checkpoint_topic, context.pipeline,
                                                 {needs.brokers, config_.properties}),
                          std::move(identity), limits);
    return positions_there_ && transactions_->found_elsewhere() ? Status{} : claim();
}

// Takes the pipeline over: from the end of this on, whoever had it before can't write any more.
Status KafkaSink::claim() {
    if (claimed_) return {};
    CDC_RETURN_IF_ERROR(transactions_->open(*producers_));
    CDC_RETURN_IF_ERROR(failpoint("kafka_fenced_others"));
    CDC_RETURN_IF_ERROR(commit(commit_stall));
    claimed_ = true;
    const kafka::Checkpoint& now = transactions_->committed();
    log_info("kafka: transactional.id {}; position {}{}", producers_->at(0).transactional_id(),
             now.end_lsn.to_string(),
             now.last ? "" : ", in the middle of the transaction at " + now.commit_lsn.to_string());
    return {};
}

Result<std::optional<StoredPosition>> KafkaSink::stored_position() {
    if (!transactions_ || !transactions_->stored()) return std::optional<StoredPosition>{};
    const kafka::Checkpoint& stored = *transactions_->stored();
    return std::optional(StoredPosition{stored.system_identifier, stored.database, stored.timeline,
                                        stored.slot, stored.end_lsn,
                                        stored.state == kafka::CheckpointState::streaming, stored.commit_lsn,
                                        stored.form, stored.snapshot_progress});
}

void KafkaSink::close() {
    closing_ = true;
    give_up_transaction();
    transactions_.reset();
    claimed_ = false;
    dead_letters_.close();
    topics_.close();
    producers_.reset();
    run_.clear();
    held_.clear();
    held_bytes_ = 0;
    advance_to_ = {};
    patience_ = milliseconds(0);
    dry_ = false;
    window_.clear();  // only now does nobody point into the slices any more
    watch_.reset();
    failure_ = {};
    gap_.clear();
    purged_ = false;
    closing_ = false;
    last_trouble_ = RD_KAFKA_RESP_ERR_NO_ERROR;
}

// Readers wait at an open transaction: it is ended here rather than by the brokers' timeout.
void KafkaSink::give_up_transaction() {
    if (!producers_ || !transactions_ || !transactions_->is_open()) return;
    producers_->present().purge();
    const Clock::time_point deadline = Clock::now() + farewell;
    while ((producers_->present().pending() > 0) && Clock::now() < deadline)
        producers_->serve(*this, step);
    transactions_->abort(farewell);
}

Status KafkaSink::begin_snapshot(Lsn consistent_point) {
    CDC_RETURN_IF_ERROR(failure_);
    if (!transactions_) return {};
    CDC_RETURN_IF_ERROR(claim());
    transactions_->restart(kafka::CheckpointState::snapshot, consistent_point);
    return commit(commit_stall);
}

Status KafkaSink::end_snapshot(Lsn) {
    CDC_RETURN_IF_ERROR(failure_);
    CDC_RETURN_IF_ERROR(hand_over_all(snapshot_stall));
    if (!transactions_) CDC_RETURN_IF_ERROR(settle(snapshot_stall));
    if (transactions_ && transactions_->dirty()) CDC_RETURN_IF_ERROR(commit(snapshot_stall));
    CDC_RETURN_IF_ERROR(failure_);
    dead_letters_.forget_snapshot();
    return {};
}

Status KafkaSink::begin_streaming(Lsn start_lsn) {
    CDC_RETURN_IF_ERROR(failure_);
    if (!transactions_) return advance(start_lsn);
    CDC_RETURN_IF_ERROR(claim());
    if (transactions_->mark().state == kafka::CheckpointState::streaming) {
        transactions_->go_on_at(start_lsn);
        if (transactions_->mark() == transactions_->committed()) return {};
    } else {
        transactions_->restart(kafka::CheckpointState::streaming, start_lsn);
    }
    return commit(commit_stall);
}

Status KafkaSink::advance(Lsn lsn) {
    CDC_RETURN_IF_ERROR(failure_);
    if (!held_.empty()) {
        advance_to_ = std::max(advance_to_, lsn);
    } else if (transactions_) {
        transactions_->advance(lsn);
    } else {
        window_.advance(lsn);
    }
    return {};
}

Status KafkaSink::poll() {
    if (producers_ && failure_.ok()) serve(milliseconds(0));
    CDC_RETURN_IF_ERROR(failure_);
    if (may_hand_over()) CDC_RETURN_IF_ERROR(hand_over_round());
    if (dry_) CDC_RETURN_IF_ERROR(commit_when_dry());
    const bool due = transactions_ && transactions_->due(Clock::now());
    return due ? commit(commit_stall) : Status{};
}

Status KafkaSink::ran_dry() {
    CDC_RETURN_IF_ERROR(failure_);
    dry_ = true;
    return commit_when_dry();
}

// In a snapshot nobody waits for the single row, and each commit costs; its end commits the rest.
Status KafkaSink::commit_when_dry() {
    if (!transactions_ || transactions_->mark().state != kafka::CheckpointState::streaming) return {};
    if (!gathered(Clock::now())) return {};
    const bool in_the_middle =
        !held_.empty() && held_.back()->kind == SliceKind::transaction && !held_.back()->last;
    if (in_the_middle) return {};
    CDC_RETURN_IF_ERROR(hand_over_all(commit_stall));
    // A chunk without a row has nothing but its progress.
    const bool something = transactions_->is_open() || transactions_->owes_progress();
    return something && transactions_->mark().last ? commit(commit_stall) : Status{};
}

std::optional<KafkaSink::Clock::time_point> KafkaSink::poll_deadline() const {
    std::optional<Clock::time_point> deadline = watch_ ? watch_->deadline() : std::nullopt;
    const auto due = transactions_ ? transactions_->deadline() : std::nullopt;
    if (due && (!deadline || *due < *deadline)) deadline = due;
    const Clock::time_point gathered_at = gathering_since_ + patience_;
    if (patience_ > milliseconds(0) && gathered_at > Clock::now() && (!deadline || gathered_at < *deadline))
        deadline = gathered_at;
    return deadline;
}

Lsn KafkaSink::durable_lsn() const {
    if (!transactions_) return window_.durable_lsn();
    const kafka::Checkpoint& committed = transactions_->committed();
    return committed.state == kafka::CheckpointState::streaming ? committed.end_lsn : Lsn{};
}

std::uint64_t KafkaSink::durable_progress() const {
    return transactions_ ? transactions_->committed_progress() : window_.durable_progress();
}

Status KafkaSink::flush(milliseconds timeout) {
    CDC_RETURN_IF_ERROR(failure_);
    CDC_RETURN_IF_ERROR(hand_over_all(timeout));
    if (!transactions_) return settle(timeout);
    const bool whole = transactions_->dirty() && transactions_->mark().last;
    return whole ? commit(timeout) : Status{};
}

Status KafkaSink::write_checkpoint() {
    CDC_RETURN_IF_ERROR(transactions_->begin());
    const rd_kafka_resp_err_t error = transactions_->write_checkpoint();
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    return reason_behind(error, kafka::delivery_failure(error, rd_kafka_err2str(error),
                                                        transactions_->topic(), std::nullopt, false));
}

// Every message of the transaction and its position become visible together, or none does.
Status KafkaSink::commit(milliseconds stall) {
    Status status = failpoint("kafka_before_checkpoint");
    if (status.ok()) status = write_checkpoint();
    if (status.ok()) status = settle(stall);
    if (status.ok()) status = failpoint("kafka_before_commit");
    if (status.ok()) status = transactions_->commit(commit_timeout);
    if (status.ok()) status = failpoint("kafka_after_commit");
    if (!status.ok()) return failed(std::move(status));
    if (transactions_->mark().last) dead_letters_.forget(transactions_->mark().commit_lsn);
    return {};
}

// Waits until everything handed over has been reported as delivered; retry after so long without a report.
Status KafkaSink::settle(milliseconds stall) {
    const auto open = [this] {
        return window_.in_flight() + (transactions_ && transactions_->checkpoint_pending() ? 1 : 0);
    };
    std::size_t left = open();
    Clock::time_point moved = Clock::now();
    while (open() > 0 && failure_.ok()) {
        const auto wait = std::chrono::ceil<milliseconds>(moved + stall - Clock::now());
        if (wait <= milliseconds(0)) {
            return Status::retry(std::to_string(open()) + " messages were not acknowledged within " +
                                 std::to_string(stall.count()) + " ms: " + watch_->message());
        }
        serve(std::min(wait, step));
        if (open() != std::exchange(left, open())) moved = Clock::now();
    }
    return failure_;
}

}  // namespace cdc
