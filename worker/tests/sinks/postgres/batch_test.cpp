// Which events share a statement, and in what order the statements are.
#include "sinks/postgres/batch.h"

#include <gmock/gmock.h>

#include "sinks/postgres/row_identity.h"
#include "sinks/slice_maker.h"

namespace cdc::projection {
namespace {

using test::make_row;
using test::Row;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ProjectionTable table_named(const std::string& name, bool keyed = true) {
    ProjectionTable table;
    table.source = "public." + name;
    table.target = table.source;
    table.quoted = "\"public\".\"" + name + "\"";
    table.schema_version = 1;
    table.columns = {{"id", "\"id\"", "integer"}, {"qty", "\"qty\"", "integer"}};
    if (keyed) table.key = {0};
    return table;
}

// The elements of an array in the binary format, with ~ for NULL; integers as their digits.
std::vector<std::string> elements(const Parameter& parameter) {
    std::vector<std::string> out;
    const std::string& bytes = parameter.bytes;
    const auto int32 = [&](std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < 4; ++i)
            value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
        return static_cast<std::int32_t>(value);
    };
    if (!parameter.binary || int32(0) == 0) return out;
    const auto type = static_cast<std::uint32_t>(int32(8));
    for (std::size_t at = 20; at < bytes.size();) {
        const std::int32_t size = int32(at);
        at += 4;
        if (size < 0) {
            out.emplace_back("~");
            continue;
        }
        if (type == text_oid) {
            out.push_back(bytes.substr(at, static_cast<std::size_t>(size)));
        } else {
            out.push_back(std::to_string(int32(at + static_cast<std::size_t>(size) - 4)));
        }
        at += static_cast<std::size_t>(size);
    }
    return out;
}

class BatcherTest : public ::testing::Test {
  protected:
    Status add(Row row, const ProjectionTable& table) {
        slices_.push_back(test::make_transaction(at_, {at_.value + 0x40}, {std::move(row)})[0]);
        const Event& event = slices_.back()->events[1];
        const Result<EventBody> body = read_body(event);
        return body.ok() ? batcher_.add(table, event, *body, slices_.back()) : body.status();
    }
    void add_to(const ProjectionTable& table, const std::string& image, const std::string& extra = "") {
        Row row = make_row(Op::insert, std::to_string(slices_.size()), "null", image);
        row.extra = extra;
        ASSERT_TRUE(add(std::move(row), table).ok());
    }
    void add_ok(Row row) { ASSERT_TRUE(add(std::move(row), orders_).ok()); }

    static Row insert(const std::string& id) { return make_row(Op::insert, id, "null", image(id)); }
    static Row remove(const std::string& id) {
        return make_row(Op::remove, id, "{\"id\":" + id + "}", "null");
    }
    static std::string image(const std::string& id, const std::string& qty = "1") {
        return "{\"id\":" + id + ",\"qty\":" + qty + "}";
    }

    // "upsert 2" for each batch: its action and how many events it has.
    std::vector<std::string> batches() {
        batcher_.flush();
        std::vector<std::string> out;
        for (const Batch& batch : batcher_.take()) {
            static const char* const names[] = {"upsert",      "tombstone",     "remove",     "clear_key",
                                                "move_key",    "append",        "load",       "load_short",
                                                "replace_one", "tombstone_one", "remove_one", "tombstone_all",
                                                "remove_all"};
            out.push_back(std::string(names[static_cast<int>(batch.action)]) + " " +
                          std::to_string(batch.rows));
            last_ = batch;
        }
        return out;
    }

    const ProjectionTable orders_ = table_named("orders");
    const ProjectionTable other_ = table_named("other");
    Batcher batcher_{config::Deletes::tombstone, false};
    Lsn at_{0x100};  // the next transaction's commit record
    std::vector<SlicePtr> slices_;
    Batch last_;
};

TEST_F(BatcherTest, RowsOfOneShapeAreOneStatement) {
    add_ok(insert("1"));
    add_ok(make_row(Op::update, "2", "null", image("2")));
    EXPECT_THAT(batches(), ElementsAre("upsert 2"));
    ASSERT_EQ(last_.parameters.size(), 9u);
    EXPECT_EQ(last_.parameters[0].bytes,
              "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    EXPECT_EQ(last_.parameters[1].bytes, "1");
    EXPECT_EQ(last_.parameters[2].bytes, R"({"0/100"})");
    EXPECT_EQ(last_.parameters[3].bytes, R"({"2026-02-07T05:55:21.123456Z"})");
    EXPECT_THAT(elements(last_.parameters[4]), ElementsAre("1", "2"));
    EXPECT_THAT(elements(last_.parameters[5]), ElementsAre("1", "1"));
    EXPECT_THAT(elements(last_.parameters[6]),
                ElementsAre("pg://c/db/public.orders/PK:1", "pg://c/db/public.orders/PK:2"));
    EXPECT_THAT(elements(last_.parameters[7]), ElementsAre("0", "0"));
    EXPECT_THAT(elements(last_.parameters[8]), ElementsAre("1", "1"));
}

TEST_F(BatcherTest, RowsOfSeveralTransactionsSayWhichTheyAreOf) {
    add_ok(insert("1"));
    at_ = {0x200};
    add_ok(insert("2"));
    add_ok(insert("3"));
    EXPECT_THAT(batches(), ElementsAre("upsert 3"));
    EXPECT_EQ(last_.parameters[2].bytes, R"({"0/100","0/200"})");
    EXPECT_THAT(elements(last_.parameters[8]), ElementsAre("1", "2", "2"));
}

TEST_F(BatcherTest, ATableWithNestedValuesGoesAsJson) {
    ProjectionTable table = table_named("orders");
    table.as_arrays = false;
    ASSERT_TRUE(add(insert("1"), table).ok());
    EXPECT_THAT(batches(), ElementsAre("upsert 1"));
    EXPECT_EQ(last_.parameters.back().bytes,
              R"([{"_source_id":"pg://c/db/public.orders/PK:1","_seq":0,"_origin":1,"id":1,"qty":1}])");
}

TEST_F(BatcherTest, ValuesAreWhatTheirTypesRead) {
    ProjectionTable table = table_named("orders");
    table.columns = {{"id", "\"id\"", "integer"},
                     {"note", "\"note\"", "text"},
                     {"doc", "\"doc\"", "jsonb", true},
                     {"mood", "\"mood\"", "public.mood", false, ColumnFrom::literal}};
    add_to(table, R"({"id":1,"note":"a\"b\u00e4\n","doc":{"x":"\u0000"},"mood":"so \"so\""})");
    add_to(table, R"({"id":2,"note":null,"doc":null,"mood":null})", R"(,"json_null":["after.doc"])");
    add_to(table, R"({"id":3,"doc":null,"unknown":1})");
    EXPECT_THAT(batches(), ElementsAre("upsert 3"));
    EXPECT_THAT(elements(last_.parameters[5]), ElementsAre("a\"b\xc3\xa4\n", "~", "~"));
    EXPECT_THAT(elements(last_.parameters[6]), ElementsAre(R"({"x":"\u0000"})", "null", "~"));
    EXPECT_EQ(last_.parameters[7].bytes, R"({"so \"so\"",NULL,NULL})");
}

TEST_F(BatcherTest, ALaterImageOfAKeyReplacesTheEarlier) {
    add_ok(insert("1"));
    add_ok(insert("2"));
    add_ok(make_row(Op::update, "1", "null", image("1", "9")));
    EXPECT_THAT(batches(), ElementsAre("upsert 2"));
    EXPECT_THAT(elements(last_.parameters[4]), ElementsAre("1", "2"));
    EXPECT_THAT(elements(last_.parameters[5]), ElementsAre("9", "1"));
}

TEST_F(BatcherTest, ShapesOfDifferentKeysAreOpenSideBySide) {
    for (const char* id : {"1", "2", "3"}) {
        add_ok(insert(id));
        add_ok(remove(std::string("9") + id));
    }
    EXPECT_THAT(batches(), ElementsAre("upsert 3", "tombstone 3"));
}

TEST_F(BatcherTest, AnOrderedTableKeepsTheOrderOfEveryRow) {
    ProjectionTable table = table_named("orders");
    table.ordered = true;
    for (const char* id : {"1", "2", "1"})
        ASSERT_TRUE(add(insert(id), table).ok());
    ASSERT_TRUE(add(remove("3"), table).ok());
    ASSERT_TRUE(add(insert("4"), table).ok());
    EXPECT_THAT(batches(), ElementsAre("upsert 2", "upsert 1", "tombstone 1", "upsert 1"));
}

TEST_F(BatcherTest, OrderedTablesKeepTheirOrderAmongEachOther) {
    ProjectionTable parent = table_named("parent");
    ProjectionTable child = table_named("child");
    parent.ordered = child.ordered = true;
    ASSERT_TRUE(add(insert("1"), parent).ok());
    ASSERT_TRUE(add(insert("1"), child).ok());
    ASSERT_TRUE(add(remove("1"), child).ok());
    ASSERT_TRUE(add(remove("1"), parent).ok());
    EXPECT_THAT(batches(), ElementsAre("upsert 1", "upsert 1", "tombstone 1", "tombstone 1"));
    EXPECT_EQ(last_.table, &parent);
}

TEST_F(BatcherTest, AnotherShapeOfTheSameTableComesAfter) {
    add_ok(remove("1"));
    add_ok(insert("1"));
    Row toasted = make_row(Op::update, "1", "null", R"({"id":1})");
    toasted.extra = R"(,"unchanged":["qty"])";
    add_ok(toasted);
    EXPECT_THAT(batches(), ElementsAre("tombstone 1", "upsert 1", "upsert 1"));
    EXPECT_THAT(last_.omitted, ElementsAre(1));
}

TEST_F(BatcherTest, ADeleteMarksTheOpenRowOfItsKey) {
    add_ok(insert("1"));
    add_ok(insert("2"));
    at_ = {0x200};
    add_ok(remove("1"));
    EXPECT_THAT(batches(), ElementsAre("upsert 2"));
    EXPECT_EQ(last_.parameters[2].bytes, R"({"0/100","0/200"})");
    EXPECT_THAT(elements(last_.parameters[5]), ElementsAre("1", "1")) << "the values stay";
    EXPECT_THAT(elements(last_.parameters[8]), ElementsAre("-2", "1"));
    add_ok(insert("1"));
    add_ok(remove("1"));
    add_ok(insert("1"));
    EXPECT_THAT(batches(), ElementsAre("upsert 1"));
    EXPECT_THAT(elements(last_.parameters[8]), ElementsAre("1")) << "it lives again";
}

TEST_F(BatcherTest, ADeleteMarksARowThatGoesAsJson) {
    ProjectionTable table = table_named("orders");
    table.as_arrays = false;
    ASSERT_TRUE(add(insert("1"), table).ok());
    at_ = {0x200};
    ASSERT_TRUE(add(remove("1"), table).ok());
    EXPECT_THAT(batches(), ElementsAre("upsert 1"));
    EXPECT_EQ(last_.parameters.back().bytes,
              R"([{"_source_id":"pg://c/db/public.orders/PK:1","_seq":0,"_origin":1,"id":1,"qty":1,)"
              R"("_seq":0,"_origin":-2}])");
}

TEST_F(BatcherTest, WhereDeletesRemoveTheRowTheyComeAfterIt) {
    batcher_ = Batcher(config::Deletes::remove, false);
    add_ok(insert("1"));
    add_ok(remove("1"));
    EXPECT_THAT(batches(), ElementsAre("upsert 1", "remove 1"));
}

TEST_F(BatcherTest, TablesAreGroupedApart) {
    for (const char* id : {"1", "2", "3"}) {
        add_ok(insert(id));
        Row row = insert(id);
        row.table = "other";
        ASSERT_TRUE(add(std::move(row), other_).ok());
    }
    EXPECT_THAT(batches(), ElementsAre("upsert 3", "upsert 3"));
}

TEST_F(BatcherTest, AKeyThatMovesDoesSoBetweenWhatWasBeforeAndAfter) {
    add_ok(insert("1"));
    Row moved = make_row(Op::update, "2", R"({"id":1})", image("2"));
    moved.old_source_id = "pg://c/db/public.orders/PK:1";
    add_ok(moved);
    add_ok(insert("1"));
    EXPECT_THAT(batches(), ElementsAre("upsert 1", "clear_key 1", "move_key 1", "upsert 2"));
}

TEST_F(BatcherTest, ATruncateComesBetweenWhatWasBeforeAndAfter) {
    add_ok(insert("1"));
    Row truncate = make_row(Op::truncate, "", "null", "null");
    truncate.source_id = "pg://c/db/public.orders";
    truncate.key = "null";
    truncate.extra = R"(,"truncate":{"cascade":false,"restart_identity":false})";
    add_ok(truncate);
    add_ok(insert("2"));
    EXPECT_THAT(batches(), ElementsAre("upsert 1", "tombstone_all 1", "upsert 1"));
}

TEST_F(BatcherTest, ATruncateOfOnePartitionUnderTheRootsNameIsRejected) {
    Row truncate = make_row(Op::truncate, "", "null", "null");
    truncate.source_id = "pg://c/db/public.orders";
    truncate.table = R"(orders","partition":"public.orders_1)";  // the field that follows table
    truncate.key = "null";
    truncate.extra = R"(,"truncate":{"cascade":false,"restart_identity":false})";
    const Status status = add(truncate, orders_);
    EXPECT_EQ(status.code(), StatusCode::reject);
    EXPECT_THAT(status.message(), ::testing::HasSubstr("public.orders_1"));
    EXPECT_TRUE(batches().empty());
}

TEST_F(BatcherTest, AStatementIsBounded) {
    for (int i = 0; i < 4500; ++i)
        add_ok(insert(std::to_string(i)));
    EXPECT_THAT(batches(), ElementsAre("upsert 2000", "upsert 2000", "upsert 500"));
    const std::string wide = "\"" + std::string(700000, 'x') + "\"";
    for (int i = 0; i < 3; ++i)
        add_ok(make_row(Op::insert, std::to_string(i), "null", image(std::to_string(i), wide)));
    EXPECT_THAT(batches(), ElementsAre("upsert 1", "upsert 1", "upsert 1"));
}

TEST_F(BatcherTest, KeysWhoseBytesDoNotTellThemApartAreAlone) {
    ProjectionTable table = table_named("orders");
    table.key_is_canonical = false;
    ASSERT_TRUE(add(insert("1.0"), table).ok());
    ASSERT_TRUE(add(insert("1.00"), table).ok());
    EXPECT_THAT(batches(), ElementsAre("upsert 1", "upsert 1"));
}

TEST_F(BatcherTest, WithoutAKeyEveryInsertIsARow) {
    const ProjectionTable table = table_named("plain", false);
    for (int i = 0; i < 2; ++i) {
        Row row = insert("1");
        row.key = "null";
        ASSERT_TRUE(add(row, table).ok());
    }
    EXPECT_THAT(batches(), ElementsAre("append 2"));
}

TEST_F(BatcherTest, WithoutAKeyAChangeFindsTheOldImageAndLeavesTheNew) {
    const ProjectionTable table = table_named("plain", false);
    Row row = make_row(Op::update, "1", image("1"), image("2"));
    row.key = "null";
    ASSERT_TRUE(add(row, table).ok());
    EXPECT_THAT(batches(), ElementsAre("replace_one 1"));
    EXPECT_EQ(last_.parameters.front().bytes, row_identity("pg://c/db/public.orders/x", image("1")));
    EXPECT_THAT(last_.parameters.back().bytes,
                HasSubstr(row_identity("pg://c/db/public.orders/x", image("2"))));
}

TEST_F(BatcherTest, AnEventThatLacksItsKeyIsRejectedByName) {
    Row row = insert("1");
    row.key = "null";
    const Status status = add(row, orders_);
    EXPECT_EQ(status.code(), StatusCode::reject);
    EXPECT_THAT(status.message(),
                HasSubstr("insert of public.orders, source_id pg://c/db/public.orders/PK:1, "
                          "commit_lsn 0/100, seq 0"));
    EXPECT_THAT(batches(), IsEmpty());
}

TEST_F(BatcherTest, RowsOfASnapshotAreInsertedWhereTheTableWasEmpty) {
    ProjectionTable fresh = table_named("fresh");
    fresh.fresh = true;
    ASSERT_TRUE(add(make_row(Op::read, "1", "null", image("1")), fresh).ok());
    ASSERT_TRUE(add(make_row(Op::read, "2", "null", image("2")), fresh).ok());
    EXPECT_THAT(batches(), ElementsAre("append 2"));
    ASSERT_TRUE(add(make_row(Op::insert, "3", "null", image("3")), fresh).ok());
    EXPECT_THAT(batches(), ElementsAre("upsert 1")) << "only the snapshot's keys are known to be new";
    ASSERT_TRUE(add(make_row(Op::read, "1", "null", image("1")), orders_).ok());
    EXPECT_THAT(batches(), ElementsAre("upsert 1"));
}

TEST_F(BatcherTest, RowsOfASnapshotAreLinesOfACopyWhereTheTableTakesIt) {
    for (const bool keyed : {true, false}) {
        ProjectionTable copied = table_named("copied", keyed);
        copied.columns[1] = {"qty", "\"qty\"", "text"};
        copied.copied = true;
        ASSERT_TRUE(
            add(make_row(Op::read, "1", "null", image("1", R"("a\\b\tc\nd\re\"f\u0001\\N")")), copied).ok());
        ASSERT_TRUE(add(make_row(Op::read, "2", "null", R"({"id":2,"qty":null})"), copied).ok());
        ASSERT_TRUE(add(make_row(Op::read, "3", "null", R"({"qty":"","id":3})"), copied).ok());
        ASSERT_TRUE(add(make_row(Op::read, "4", "null", R"({"id":4})"), copied).ok());
        EXPECT_EQ(batcher_.open_bytes() > 0, true);
        EXPECT_THAT(batches(), ElementsAre("load 4"));
        EXPECT_EQ(batcher_.open_bytes(), 0u);
        ASSERT_EQ(last_.parameters.size(), 1u);
        const auto rest = [](const std::string& id, const std::string& lsn) {
            return "\tpg://c/db/public.orders/PK:" + id +
                   "\tsha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\t" + lsn +
                   "\t0\t1\t2026-02-07T05:55:21.123456Z\tf\n";
        };
        EXPECT_EQ(last_.parameters[0].bytes, "1\ta\\\\b\\tc\\nd\\re\"f\x01\\\\N" + rest("1", "0/100") +
                                                 "2\t\\N" + rest("2", "0/100") + "3\t" + rest("3", "0/100") +
                                                 "4\t\\N" + rest("4", "0/100"));
        batcher_.clear();  // it points to the table
    }
}

}  // namespace
}  // namespace cdc::projection
