// PostgresSinkTest: a PostgresSink over a database of its own on the server that CDC_TEST_DSN points to
// (key=value form, a superuser), fed with the envelopes of slice_maker; dropped at the end. Without the
// variable these tests are skipped, and say so. Thread: the test's.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pq/connection.h"
#include "sinks/postgres/postgres_sink.h"
#include "sinks/slice_maker.h"

namespace cdc::test {

// Definitions by "schema.table" and schema_version; version 0 is the newest.
class FakeCatalog : public TableCatalog {
  public:
    Result<TableDefinition> definition(const std::string& schema, const std::string& table,
                                       int schema_version) override {
        ++asked;
        const auto versions = tables.find(schema + "." + table);
        if (versions == tables.end()) return Status::fatal("no table " + schema + "." + table);
        const auto found =
            schema_version == 0 ? std::prev(versions->second.end()) : versions->second.find(schema_version);
        if (found == versions->second.end()) return Status::fatal("no such version");
        return found->second;
    }

    void learn(const std::string& schema, const std::string& table, int schema_version,
               const TableDefinition& definition) override {
        tables[schema + "." + table][schema_version] = definition;
    }
    Result<bool> is_ordinary(const std::string& schema, const std::string& table, int) override {
        return ordinary.contains(schema + "." + table);
    }

    std::map<std::string, std::map<int, TableDefinition>> tables;
    std::set<std::string> ordinary;
    int asked = 0;
};

// {"id", "integer"}, …; the key's columns are the first `keys` ones.
inline TableDefinition define(const std::vector<std::pair<std::string, std::string>>& columns,
                              std::size_t keys = 1) {
    TableDefinition definition;
    for (const auto& [name, type] : columns) {
        const int position = static_cast<int>(definition.columns.size()) + 1;
        definition.columns.push_back({name, type, true, position});
        if (definition.key.size() < keys) definition.key.push_back(name);
    }
    definition.replica_identity = "default";
    return definition;
}

class PostgresSinkTest : public ::testing::Test {
  protected:
    void SetUp() override {
        const char* dsn = std::getenv("CDC_TEST_DSN");
        if (dsn == nullptr || *dsn == '\0') {
            GTEST_SKIP() << "CDC_TEST_DSN is not set: no test of this file has run against a server";
        }
        static int count = 0;
        database_ = "cdc_sink_test_" + std::to_string(getpid()) + "_" + std::to_string(++count);
        server_dsn_ = dsn;
        connect(server_dsn_, admin_);
        run(*admin_, "CREATE DATABASE " + database_);
        dsn_ = server_dsn_ + " dbname=" + database_;
        connect(dsn_, sql_);
        catalog_.tables["public.orders"][1] =
            define({{"id", "integer"}, {"qty", "integer"}, {"note", "text"}, {"doc", "jsonb"}});
        context_ = context_of("shop");
    }

    void TearDown() override {
        sink_.reset();
        sql_.reset();
        if (admin_) run(*admin_, "DROP DATABASE " + database_ + " WITH (FORCE)");
    }

    SinkContext context_of(const std::string& projection) {
        SinkContext context;
        context.pipeline = projection;
        context.slot = projection;
        context.projection = projection;
        context.source_commit = "c0ffee";
        context.source = {"7123456789", 1, "db"};
        context.catalog = &catalog_;
        context.captures = [](const std::string&, const std::string&) { return false; };
        return context;
    }

    config::PostgresSink settings() const {
        config::PostgresSink settings;
        settings.dsn = dsn_;
        settings.table = table_;
        settings.deletes = deletes_;
        return settings;
    }

    // Opens and streams from the stored position, or from lsn.
    void start(Lsn lsn = {0x1000}) {
        sink_ = std::make_unique<PostgresSink>(settings());
        ok(sink_->open(context_));
        const auto stored = sink_->stored_position();
        ok(stored.status());
        if (stored.ok() && stored.value()) lsn = stored.value()->end_lsn;
        ok(sink_->begin_streaming(lsn));
    }

    static void ok(const Status& status) { ASSERT_TRUE(status.ok()) << status.to_string(); }

    // The next transaction: its commit record is 0x100 behind the last one and 0x40 long.
    std::vector<SlicePtr> next(const std::vector<Row>& rows, std::size_t slices = 1) {
        next_lsn_ += 0x100;
        return make_transaction({next_lsn_}, {next_lsn_ + 0x40}, rows, slices);
    }
    // Hands slices on and waits until they are durable, or says what went wrong.
    Status write(const std::vector<SlicePtr>& slices) {
        for (const SlicePtr& slice : slices)
            CDC_RETURN_IF_ERROR(sink_->write(slice));
        return sink_->flush(std::chrono::seconds(20));
    }
    Status apply(const std::vector<Row>& rows, std::size_t slices = 1) { return write(next(rows, slices)); }

    void run(pq::Connection& connection, const std::string& sql) { ok(connection.execute(sql)); }
    void run(const std::string& sql) { run(*sql_, sql); }

    // The rows of a query as "a|b\nc|d\n"; null is ~.
    std::string rows(const std::string& sql) {
        auto result = sql_->query(sql);
        EXPECT_TRUE(result.ok()) << sql << ": " << result.status().to_string();
        std::string text;
        if (!result.ok()) return text;
        for (int row = 0; row < result->count(); ++row) {
            for (int column = 0; column < PQnfields(result->native()); ++column) {
                text += column > 0 ? "|" : "";
                text +=
                    result->is_null(row, column) ? std::string("~") : std::string(result->text(row, column));
            }
            text += '\n';
        }
        return text;
    }
    std::string orders() {
        return rows("SELECT id, qty, note, doc, _deleted FROM public.orders ORDER BY id");
    }

    void connect(const std::string& dsn, std::unique_ptr<pq::Connection>& connection) {
        auto opened = pq::Connection::open(dsn, "cdc test", pq::Mode::sql, {});
        ASSERT_TRUE(opened.ok()) << opened.status().to_string();
        connection = std::make_unique<pq::Connection>(std::move(*opened));
    }

    std::string database_, server_dsn_, dsn_, table_ = "{schema}.{table}";
    config::Deletes deletes_ = config::Deletes::tombstone;
    std::unique_ptr<pq::Connection> admin_, sql_;
    FakeCatalog catalog_;
    SinkContext context_;
    std::unique_ptr<PostgresSink> sink_;
    std::uint64_t next_lsn_ = 0x1000;
};

// An order as an image: {"id":1,"qty":2,"note":"x","doc":null}.
inline std::string order(const std::string& id, const std::string& qty, const std::string& note = "null",
                         const std::string& doc = "null") {
    return R"({"id":)" + id + R"(,"qty":)" + qty + R"(,"note":)" + note + R"(,"doc":)" + doc + "}";
}
inline Row inserted(const std::string& id, const std::string& image) {
    return make_row(Op::insert, id, "null", image);
}
inline Row updated(const std::string& id, const std::string& image) {
    return make_row(Op::update, id, "null", image);
}
inline Row deleted(const std::string& id) {
    return make_row(Op::remove, id, "{\"id\":" + id + "}", "null");
}
inline Row moved(const std::string& old_id, const std::string& id, const std::string& image) {
    Row row = make_row(Op::update, id, "{\"id\":" + old_id + "}", image);
    row.old_source_id = "pg://c/db/public.orders/PK:" + old_id;
    return row;
}
inline Row truncated() {
    Row row = make_row(Op::truncate, "", "null", "null");
    row.source_id = "pg://c/db/public.orders";
    row.key = "null";
    row.extra = R"(,"truncate":{"cascade":false,"restart_identity":false})";
    return row;
}

}  // namespace cdc::test
