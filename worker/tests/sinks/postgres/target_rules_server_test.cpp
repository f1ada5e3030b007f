// What an operator has added to the target: constraints, triggers, settings. A refused row is parked, or
// stops the pipeline; what a person must mend is said, with the way out; what does no harm is left alone.
#include <gmock/gmock.h>

#include "sinks/postgres/sink_test.h"

namespace cdc::test {
namespace {

using ::testing::HasSubstr;

class TargetRules : public PostgresSinkTest {
  protected:
    void begin(config::OnReject on_reject) {
        config::PostgresSink made = settings();
        made.on_reject = on_reject;
        sink_ = std::make_unique<PostgresSink>(made);
        ok(sink_->open(context_));
        ok(sink_->begin_streaming({0x1000}));
        ok(apply({inserted("1", order("1", "1")), inserted("2", order("2", "2"))}));
    }
    void add_trigger(const std::string& body) {
        run("CREATE FUNCTION rule() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + body +
            " END $$; CREATE TRIGGER rule BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION "
            "rule()");
    }
    static Row ordered(int id, int qty) {
        return inserted(std::to_string(id), order(std::to_string(id), std::to_string(qty)));
    }
    std::string quantities() { return rows("SELECT id, qty FROM orders ORDER BY id"); }
    std::string parked() { return rows("SELECT source_id, sqlstate FROM projection_dead_letter"); }
    void thirteen_is_parked(const std::string& sqlstate) {
        ok(apply({ordered(3, 3), ordered(13, 13), ordered(4, 4)}));
        EXPECT_EQ(quantities(), "1|1\n2|2\n3|3\n4|4\n");
        EXPECT_EQ(parked(), "pg://c/db/public.orders/PK:13|" + sqlstate + "\n");
    }
};

TEST_F(TargetRules, ARowThatAnExclusionConstraintRefusesIsParked) {
    begin(config::OnReject::park);
    run("ALTER TABLE orders ADD EXCLUDE USING btree (qty WITH =)");
    ok(apply({ordered(3, 3), ordered(4, 1), ordered(5, 5)}));
    EXPECT_EQ(quantities(), "1|1\n2|2\n3|3\n5|5\n");
    EXPECT_EQ(parked(), "pg://c/db/public.orders/PK:4|23P01\n");
}

TEST_F(TargetRules, ARowThatATriggerRefusesIsParked) {
    begin(config::OnReject::park);
    add_trigger("IF NEW.qty = 13 THEN RAISE 'no'; END IF; RETURN NEW;");
    thirteen_is_parked("P0001");
}

// The code is the trigger's own: no class of PostgreSQL's or the standard's.
TEST_F(TargetRules, ARowThatATriggerRefusesInItsOwnWordsIsParked) {
    begin(config::OnReject::park);
    add_trigger("IF NEW.qty = 13 THEN RAISE 'no' USING ERRCODE = '45000'; END IF; RETURN NEW;");
    thirteen_is_parked("45000");
}

TEST_F(TargetRules, ARowThatATriggerRefusesStopsThePipelineAndNothingIsLost) {
    begin(config::OnReject::stop);
    add_trigger("IF NEW.qty = 13 THEN RAISE 'no'; END IF; RETURN NEW;");
    const std::vector<SlicePtr> transaction = next({ordered(3, 3), ordered(13, 13)});
    const Status refused = write(transaction);
    EXPECT_EQ(refused.code(), StatusCode::reject) << refused.to_string();
    EXPECT_THAT(refused.to_string(), HasSubstr("public.orders/PK:13"));
    EXPECT_EQ(quantities(), "1|1\n2|2\n");
    sink_->close();  // its transaction has the table
    run("DROP TRIGGER rule ON orders");
    start();
    ok(write(transaction));
    EXPECT_EQ(quantities(), "1|1\n2|2\n3|3\n13|13\n");
}

TEST_F(TargetRules, AConstraintOfTheTargetsOwnIsNamedWithTheWayOut) {
    begin(config::OnReject::stop);
    run("ALTER TABLE orders ADD CONSTRAINT few CHECK (qty < 10)");
    const Status refused = apply({ordered(3, 3), ordered(13, 13)});
    EXPECT_EQ(refused.code(), StatusCode::reject) << refused.to_string();
    EXPECT_THAT(refused.to_string(), HasSubstr("public.orders/PK:13"));
    EXPECT_THAT(refused.hint(), HasSubstr("drop constraint few of the projection table orders"));
    EXPECT_THAT(refused.hint(), HasSubstr("on_reject: park"));
}

// Whoever has it change or drop rows wants the projection so. Both its kinds see a row that comes again.
TEST_F(TargetRules, ATriggerMayChangeARow) {
    begin(config::OnReject::park);
    add_trigger("NEW.qty := -abs(NEW.qty); IF NEW.id = 4 THEN RETURN NULL; END IF; RETURN NEW;");
    ok(apply({ordered(3, 3), ordered(4, 4), updated("1", order("1", "10")), deleted("2")}));
    EXPECT_EQ(rows("SELECT id, qty, _deleted FROM orders ORDER BY id"), "1|-10|f\n2|-2|t\n3|-3|f\n");
    EXPECT_EQ(parked(), "");
}

TEST_F(TargetRules, AColumnThatNobodyFillsIsNamedAndNothingIsParked) {
    begin(config::OnReject::park);
    run("ALTER TABLE orders ADD COLUMN owner text NOT NULL DEFAULT 'x'; ALTER TABLE orders ALTER COLUMN "
        "owner "
        "DROP DEFAULT");
    const Status status = apply({ordered(3, 3)});
    EXPECT_EQ(status.code(), StatusCode::fatal) << status.to_string();
    EXPECT_THAT(status.to_string(), HasSubstr("column owner is NOT NULL without a default"));
    EXPECT_THAT(status.hint(), HasSubstr("ALTER COLUMN owner DROP NOT NULL"));
    EXPECT_EQ(parked(), "");
}

TEST_F(TargetRules, AColumnThatIsGeneratedIsNamed) {
    begin(config::OnReject::park);
    run("ALTER TABLE orders DROP COLUMN qty; ALTER TABLE orders ADD COLUMN qty integer GENERATED ALWAYS AS "
        "(id) "
        "STORED");
    const Status status = apply({ordered(3, 3)});
    EXPECT_EQ(status.code(), StatusCode::fatal) << status.to_string();
    EXPECT_THAT(status.to_string(), HasSubstr("qty"));
    EXPECT_EQ(parked(), "");
}

// The rows go through it to the table, until somebody starts the worker anew.
TEST_F(TargetRules, AViewThatTakesTheTablesPlaceIsNamedAtTheNextStart) {
    begin(config::OnReject::park);
    run("ALTER TABLE orders RENAME TO hidden; CREATE VIEW orders AS SELECT * FROM hidden");
    ok(apply({ordered(3, 3)}));
    EXPECT_EQ(rows("SELECT count(*) FROM hidden"), "3\n");
    start();
    const Status status = apply({ordered(4, 4)});
    EXPECT_EQ(status.code(), StatusCode::fatal) << status.to_string();
    EXPECT_THAT(status.to_string(), HasSubstr("the relation of that name is not a table"));
}

TEST_F(TargetRules, ADatabaseThatIsReadOnlyByDefaultIsWrittenTo) {
    run(*admin_, "ALTER DATABASE " + database_ + " SET default_transaction_read_only = on");
    begin(config::OnReject::park);
    ok(apply({ordered(3, 3)}));
    EXPECT_EQ(rows("SELECT count(*) FROM orders"), "3\n");
}

}  // namespace
}  // namespace cdc::test
