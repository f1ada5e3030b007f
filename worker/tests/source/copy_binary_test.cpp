#include "source/copy_binary.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cdc::source {
namespace {

const std::string signature("PGCOPY\n\377\r\n\0", 11);
const std::string header = signature + std::string(8, '\0');
const std::string trailer = "\377\377";

std::string i32(std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes += static_cast<char>(value >> shift & 0xff);
    return bytes;
}

std::string row(const std::string& value) {
    return std::string("\0\1", 2) + i32(static_cast<std::uint32_t>(value.size())) + value;
}

// Feeds the messages and returns all rows, or the failure's text as the only one.
std::vector<std::string> read_all(const std::vector<std::string>& messages, Status* finish = nullptr) {
    CopyBinaryReader reader;
    std::vector<std::string> rows;
    for (const std::string& message : messages) {
        reader.feed(message);
        for (;;) {
            auto next = reader.next();
            if (!next.ok()) return {next.status().message()};
            if (!next->has_value()) break;
            rows.emplace_back(**next);
        }
    }
    if (finish != nullptr) *finish = reader.finish();
    return rows;
}

TEST(CopyBinary, header_with_the_first_row_then_rows_then_the_trailer) {
    Status finish = Status::fatal("not asked");
    EXPECT_EQ(read_all({header + row("one"), row("two"), row(""), trailer}, &finish),
              (std::vector<std::string>{"one", "two", ""}));
    EXPECT_TRUE(finish.ok()) << finish.message();
}

TEST(CopyBinary, messages_may_be_cut_anywhere) {
    const std::string bytes = header + row("first") + row(std::string(300, 'x')) + row("\\\n\0z") + trailer;
    const std::vector<std::string> whole = read_all({bytes});
    ASSERT_EQ(whole.size(), 3u);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        Status finish = Status::fatal("not asked");
        EXPECT_EQ(read_all({bytes.substr(0, cut), bytes.substr(cut)}, &finish), whole) << cut;
        EXPECT_TRUE(finish.ok()) << cut << ": " << finish.message();
    }
    std::vector<std::string> single;
    for (const char byte : bytes)
        single.emplace_back(1, byte);
    EXPECT_EQ(read_all(single), whole);
}

TEST(CopyBinary, several_rows_in_one_message) {
    EXPECT_EQ(read_all({header + row("a") + row("b") + row("c") + trailer}),
              (std::vector<std::string>{"a", "b", "c"}));
}

TEST(CopyBinary, a_header_extension_is_skipped) {
    EXPECT_EQ(read_all({signature + i32(0) + i32(3) + "ext" + row("a")}), (std::vector<std::string>{"a"}));
}

TEST(CopyBinary, an_empty_table_is_header_and_trailer) {
    Status finish = Status::fatal("not asked");
    EXPECT_TRUE(read_all({header + trailer}, &finish).empty());
    EXPECT_TRUE(finish.ok());
}

TEST(CopyBinary, an_end_without_a_trailer_is_not_an_end) {
    Status finish;
    read_all({header + row("a")}, &finish);
    EXPECT_EQ(finish.code(), StatusCode::fatal);
    read_all({header + trailer + "x"}, &finish);
    EXPECT_EQ(finish.code(), StatusCode::fatal);
}

TEST(CopyBinary, wrong_bytes_are_refused) {
    EXPECT_NE(read_all({std::string(19, 'x')})[0].find("signature"), std::string::npos);
    EXPECT_NE(read_all({signature + i32(1u << 16) + i32(0)})[0].find("flags"), std::string::npos);
    EXPECT_NE(read_all({header + std::string("\0\2", 2)})[0].find("2 columns"), std::string::npos);
    EXPECT_NE(read_all({header + std::string("\0\1", 2) + i32(0xFFFFFFFF)})[0].find("NULL"),
              std::string::npos);
}

}  // namespace
}  // namespace cdc::source
