// Many source transactions in one target transaction, their rows set-wise: the result is what row by row
// gives, whatever the order of random changes over a few keys, with what makes order matter beyond a key.
#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <random>

#include "sinks/postgres/sink_test.h"

namespace cdc::test {
namespace {

// The source: id → (qty, note), where qty is unique, and random changes that it allows.
class Source {
  public:
    explicit Source(unsigned seed) : random_(seed) {}

    Row change() {
        if (rows_.empty() || (rows_.size() < 4 && pick(2) == 0)) return insert();
        switch (pick(12)) {
            case 0:
            case 1:
            case 2:
                return remove();
            case 3:
                return move_key();
            case 4:
            case 5:
                return update_without_note();
            case 6:
                return pick(4) == 0 ? truncate() : update();
            default:
                return update();
        }
    }

    // As the projection's live rows are printed.
    std::string text() const {
        std::string out;
        for (const auto& [id, row] : rows_)
            out += std::to_string(id) + "|" + std::to_string(row.qty) + "|" + row.note + "\n";
        return out;
    }

  private:
    struct Values {
        int qty = 0;
        std::string note;
    };

    int pick(int of) { return std::uniform_int_distribution<int>(0, of - 1)(random_); }
    int any_key() { return std::next(rows_.begin(), pick(static_cast<int>(rows_.size())))->first; }
    int free_key() {
        for (;;) {
            if (const int id = pick(6); !rows_.contains(id)) return id;
        }
    }
    // Few values, so that one is often taken by the row after the one that has just let go of it.
    int free_qty() {
        for (;;) {
            const int qty = pick(9);
            const bool taken =
                std::ranges::any_of(rows_, [qty](const auto& row) { return row.second.qty == qty; });
            if (!taken) return qty;
        }
    }
    std::string image(int id, bool with_note = true) const {
        const Values& row = rows_.at(id);
        const std::string note = with_note ? ",\"note\":\"" + row.note + "\"" : "";
        return "{\"id\":" + std::to_string(id) + ",\"qty\":" + std::to_string(row.qty) + note +
               ",\"doc\":null}";
    }
    std::string new_note() { return "note " + std::to_string(++notes_); }

    Row insert() {
        const int id = free_key();
        const int qty = free_qty();
        rows_[id] = {qty, new_note()};
        return inserted(std::to_string(id), image(id));
    }
    Row update() {
        const int id = any_key();
        rows_[id] = {free_qty(), new_note()};
        return updated(std::to_string(id), image(id));
    }
    Row update_without_note() {
        const int id = any_key();
        rows_[id].qty = free_qty();
        Row row = updated(std::to_string(id), image(id, false));
        row.extra = R"(,"unchanged":["note"])";
        return row;
    }
    Row move_key() {
        const int old_id = any_key();
        const int id = free_key();
        rows_[id] = rows_[old_id];
        rows_.erase(old_id);
        Row row = moved(std::to_string(old_id), std::to_string(id), image(id, false));
        row.extra = R"(,"unchanged":["note"])";
        return row;
    }
    Row remove() {
        const int id = any_key();
        rows_.erase(id);
        return deleted(std::to_string(id));
    }
    Row truncate() {
        rows_.clear();
        return truncated();
    }

    std::mt19937 random_;
    std::map<int, Values> rows_;
    int notes_ = 0;
};

class Sets : public PostgresSinkTest {
  protected:
    static constexpr const char* live = "SELECT id, qty, note FROM orders WHERE NOT _deleted ORDER BY id";
    static constexpr int changes = 80;

    // The table as random changes find it: there, and empty.
    void make_table(const std::string& more) {
        start();
        ok(apply({inserted("100", order("100", "100"))}));
        ok(apply({truncated()}));
        if (!more.empty()) run(more);
    }
    void restart() {
        sink_->close();
        start();
    }
    void begin_anew() {
        sink_->close();
        run("TRUNCATE orders; TRUNCATE projection_ledger; DELETE FROM projection_position");
        start();
        next_lsn_ = 0x1000;
    }

    // Random transactions of up to `longest` changes, all handed on before anything is waited for.
    void apply_at_once(unsigned seed, int longest) {
        Source source(seed);
        std::mt19937 random(seed);
        for (int done = 0; done < changes;) {
            std::vector<Row> rows;
            const int length = 1 + static_cast<int>(random() % static_cast<unsigned>(longest));
            for (; static_cast<int>(rows.size()) < length; ++done)
                rows.push_back(source.change());
            for (const SlicePtr& slice : next(rows, rows.size() > 2 ? 2 : 1))
                ok(sink_->write(slice));
        }
        ok(sink_->flush(std::chrono::seconds(20)));
        EXPECT_EQ(rows(live), source.text()) << "seed " << seed;
    }

    // Random transactions of up to three changes, in stretches: each one set, or one transaction by itself
    // after the other. What the projection holds is looked at after each stretch, as what went wrong with a
    // row is soon hidden by its next image; the looks are what is returned.
    std::vector<std::string> apply_in_stretches(unsigned seed, bool at_once) {
        begin_anew();
        Source source(seed);
        std::mt19937 random(seed);
        std::vector<std::string> looks;
        for (int done = 0; done < changes;) {
            for (unsigned left = 2 + random() % 6; left > 0; --left) {
                std::vector<Row> transaction;
                for (unsigned more = 1 + random() % 3; more > 0; --more, ++done)
                    transaction.push_back(source.change());
                ok(sink_->write(next(transaction)[0]));
                if (!at_once) ok(sink_->flush(std::chrono::seconds(20)));
            }
            ok(sink_->flush(std::chrono::seconds(20)));
            EXPECT_EQ(rows(live), source.text()) << "seed " << seed << ", after " << done << " changes";
            looks.push_back(rows("SELECT * FROM orders ORDER BY id"));
        }
        looks.push_back(
            rows("SELECT commit_lsn, evidence_id, batch_id, schema_version FROM projection_ledger "
                 "ORDER BY commit_lsn::pg_lsn"));
        return looks;
    }
};

TEST_F(Sets, GiveWhatRowByRowGives) {
    make_table("");
    for (unsigned seed = 1; seed <= 12; ++seed) {
        const std::vector<std::string> at_once = apply_in_stretches(seed, true);
        const std::vector<std::string> one_by_one = apply_in_stretches(seed, false);
        ASSERT_EQ(at_once, one_by_one) << "seed " << seed << ": tombstones and provenance too";
    }
}

// A table with an array goes to the server as JSON.
TEST_F(Sets, GiveWhatRowByRowGivesAsJson) {
    catalog_.tables["public.orders"][1].columns.push_back({"tags", "text[]", true, 5});
    make_table("");
    for (unsigned seed = 31; seed <= 38; ++seed) {
        const std::vector<std::string> at_once = apply_in_stretches(seed, true);
        ASSERT_EQ(at_once, apply_in_stretches(seed, false)) << "seed " << seed;
    }
}

TEST_F(Sets, KeepASecondUniqueConstraint) {
    make_table("CREATE UNIQUE INDEX ON orders (qty) WHERE NOT _deleted");
    for (unsigned seed = 1; seed <= 12; ++seed) {
        begin_anew();
        apply_at_once(seed, 3);
    }
}

TEST_F(Sets, KeepAConstraintThatAppearsWhileTheyRun) {
    make_table("");
    restart();
    ok(apply({inserted("1", order("1", "1"))}));
    ok(apply({truncated()}));
    run("DELETE FROM orders; CREATE UNIQUE INDEX ON orders (qty) WHERE NOT _deleted");
    for (unsigned seed = 21; seed <= 24; ++seed) {
        apply_at_once(seed, 1);
        ok(apply({truncated()}));
    }
}

TEST_F(Sets, KeepAForeignKeyBetweenProjections) {
    catalog_.tables["public.lines"][1] = define({{"id", "integer"}, {"order_id", "integer"}});
    deletes_ = config::Deletes::remove;
    const auto line = [](Op op, const std::string& id, const std::string& order_id) {
        Row row = make_row(op, id, op == Op::remove ? "{\"id\":" + id + "}" : "null",
                           op == Op::remove ? "null" : "{\"id\":" + id + ",\"order_id\":" + order_id + "}");
        row.table = "lines";
        return row;
    };
    start();
    ok(apply({inserted("1", order("1", "1")), line(Op::insert, "1", "1")}));
    run("ALTER TABLE lines ADD FOREIGN KEY (order_id) REFERENCES orders");
    restart();
    for (int i = 2; i <= 50; ++i) {
        const std::string id = std::to_string(i), last = std::to_string(i - 1);
        ok(sink_->write(next({inserted(id, order(id, "1"))})[0]));
        ok(sink_->write(next({line(Op::insert, id, id)})[0]));
        ok(sink_->write(next({line(Op::remove, last, ""), deleted(last)})[0]));
    }
    ok(sink_->flush(std::chrono::seconds(20)));
    EXPECT_EQ(rows("SELECT o.id, l.order_id FROM orders o, lines l"), "50|50\n");
}

TEST_F(Sets, ShareTargetTransactions) {
    start();
    ok(apply({inserted("1", order("1", "0"))}));
    for (int i = 1; i <= 400; ++i)
        ok(sink_->write(next({updated("1", order("1", std::to_string(i)))})[0]));
    ok(sink_->flush(std::chrono::seconds(20)));
    EXPECT_EQ(rows("SELECT qty FROM orders"), "400\n");
    EXPECT_EQ(rows("SELECT count(*), count(DISTINCT xmin::text) < 20 FROM projection_ledger"), "401|t\n");
    EXPECT_EQ(rows("SELECT end_lsn FROM projection_position"), Lsn{next_lsn_ + 0x40}.to_string() + "\n");
}

TEST_F(Sets, ALongTransactionFlowsThroughInSlices) {
    start();
    context_.memory_limit = 1u << 20;
    restart();
    std::vector<Row> many;
    for (int i = 0; i < 20000; ++i)
        many.push_back(inserted(std::to_string(i), order(std::to_string(i), "1")));
    std::size_t held = 0;
    ByteBudget budget(1u << 20, [] {});
    next_lsn_ += 0x100;
    std::vector<SlicePtr> slices = make_transaction({next_lsn_}, {next_lsn_ + 0x40}, many, 80, &budget);
    std::reverse(slices.begin(), slices.end());
    while (!slices.empty()) {
        ok(sink_->write(slices.back()));
        slices.pop_back();
        ok(sink_->ran_dry());
        std::size_t waiting = 0;
        for (const SlicePtr& slice : slices)
            waiting += slice->bytes.size();
        for (int tries = 0; budget.held() - waiting > (1u << 20) && tries < 2000; ++tries) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            ok(sink_->poll());
        }
        held = std::max(held, budget.held() - waiting);
    }
    ok(sink_->flush(std::chrono::seconds(20)));
    EXPECT_LE(held, 1u << 20) << "the sink lets go of what is sent, before the transaction ends";
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "20000\n");
}

}  // namespace
}  // namespace cdc::test
