// A table without a key is read anew: what the projection has of it goes, and comes again as it is.
#include <gmock/gmock.h>

#include "sinks/postgres/row_identity.h"
#include "sinks/postgres/sink_test.h"

namespace cdc::test {
namespace {

class Refill : public PostgresSinkTest {
  protected:
    void SetUp() override {
        PostgresSinkTest::SetUp();
        catalog_.tables["public.orders"][1] = define({{"id", "integer"}, {"qty", "integer"}}, 0);
    }
    static std::string image(const std::string& id, const std::string& qty) {
        return R"({"id":)" + id + R"(,"qty":)" + qty + "}";
    }
    static Row keyless(Op op, const std::string& before, const std::string& after) {
        Row row = make_row(op, "", before, after);
        row.source_id =
            projection::row_identity("pg://c/db/public.orders/ROW:", after == "null" ? before : after);
        row.key = "null";
        return row;
    }
    static Row inserted(const std::string& id, const std::string& qty) {
        return keyless(Op::insert, "null", image(id, qty));
    }
    static Row deleted(const std::string& id, const std::string& qty) {
        return keyless(Op::remove, image(id, qty), "null");
    }
    SlicePtr part(const std::vector<Row>& read, bool begins, bool ends) {
        const SlicePtr made = make_snapshot({next_lsn_}, read);
        const auto slice = std::const_pointer_cast<Slice>(made);
        slice->refill = {"public", "orders", begins, ends};
        slice->snapshot_progress = ends ? R"({"signal":1,"done":true})" : "";
        slice->progress_number = ends ? 1 : 0;
        return slice;
    }
    std::string live() { return rows("SELECT id, qty FROM orders WHERE NOT _deleted ORDER BY id, qty"); }
    std::string refilling() { return rows("SELECT refilling FROM projection_table"); }
};

TEST_F(Refill, PutsTheRowsInThePlaceOfThoseThatAreThere) {
    start();
    ok(apply({inserted("1", "5"), inserted("1", "5"), inserted("9", "9")}));
    ok(write({part({inserted("1", "5")}, true, false), part({inserted("2", "6")}, false, false),
              part({}, false, true)}));
    EXPECT_EQ(live(), "1|5\n2|6\n");
    EXPECT_EQ(refilling(), "f\n");
    EXPECT_EQ(sink_->durable_progress(), 1u);
}

TEST_F(Refill, AnEmptyTableLeavesNothing) {
    start();
    ok(apply({inserted("1", "5")}));
    ok(write({part({}, true, true)}));
    EXPECT_EQ(live(), "");
    EXPECT_EQ(refilling(), "f\n");
}

TEST_F(Refill, OfATableThatTheProjectionDoesNotKnow) {
    start();
    ok(write({part({inserted("1", "5")}, true, false)}));
    EXPECT_EQ(refilling(), "t\n");
    ok(write({part({inserted("2", "5")}, false, false), part({}, false, true)}));
    EXPECT_EQ(live(), "1|5\n2|5\n");
    EXPECT_EQ(refilling(), "f\n");
}

// It was interrupted, and the stream goes on before it begins again.
TEST_F(Refill, WhileItIsNotWholeARowMayBeMissing) {
    start();
    ok(apply({inserted("1", "5"), inserted("2", "6")}));
    ok(write({part({inserted("1", "5")}, true, false)}));
    start();
    ok(apply({deleted("2", "6"), deleted("1", "5"), inserted("3", "7")}));
    EXPECT_EQ(live(), "3|7\n");
    ok(write({part({inserted("4", "8")}, true, true)}));
    EXPECT_EQ(live(), "4|8\n");
    const Status missing = apply({deleted("2", "6")});
    EXPECT_EQ(missing.code(), StatusCode::reject) << missing.to_string();
}

TEST_F(Refill, ALedgerOfAnEarlierReleaseGetsItsColumn) {
    start();
    ok(apply({inserted("1", "5")}));
    sink_.reset();
    run("ALTER TABLE projection_table DROP COLUMN refilling");
    start();
    ok(write({part({inserted("2", "6")}, true, true)}));
    EXPECT_EQ(live(), "2|6\n");
}

}  // namespace
}  // namespace cdc::test
