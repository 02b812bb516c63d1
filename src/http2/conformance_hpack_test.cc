// RFC 7541, HPACK, through a session of either role: what ends the connection, what is taken, and what is
// written. The rows of docs/http2-conformance.md; the coder's own tests look at it more closely.
#include <gtest/gtest.h>

#include "http2/conformance_test_util.h"

namespace sluice::inline v0::http2 {
namespace {

using namespace testing;  // NOLINT

std::string bytes(std::string_view hex_text) { return std::string(as_text(unhex(hex_text))); }

// The trailers that a session of `role` makes of `block`, a line each, or the error of the connection.
std::string trailers(Role role, std::string_view block) {
  Talk talk(role);
  const Error error = talk.feed(Wire().headers(1, bytes(block), kEndHeaders | kEnd));
  if (!error.ok()) {
    EXPECT_EQ(error.scope, Scope::kConnection);
    EXPECT_EQ(error.code, ErrorCode::kCompressionError);
    const std::string out = talk.out();
    EXPECT_EQ(out, describe(Wire().goaway(talk.session.last_peer_stream(), error.code, error.what)));
    return "error";
  }
  std::string text;
  for (const std::string& event : talk.sink.events) {
    if (event.starts_with("header 1 ")) text += event.substr(9) + "\n";
  }
  return text;
}

void expect_error(std::string_view block) {
  for (const Role role : kRoles) EXPECT_EQ(trailers(role, block), "error") << role_name(role) << " " << block;
}
void expect_fields(std::string_view block, const std::string& fields) {
  for (const Role role : kRoles) EXPECT_EQ(trailers(role, block), fields) << role_name(role) << " " << block;
}

// Trailers as a session of `role` writes them; each use is a stream of its own.
std::string written(Talk& talk, StreamId id, const Headers& headers) {
  const std::vector<Field> fields = to_fields(headers);
  const HeaderPart part{fields, nullptr};
  talk.session.submit_headers(talk.sink[id], {&part, 1}, EndStream::kYes);
  const std::string wire = talk.take();
  return hex(as_bytes(std::string_view(wire).substr(kFrameHeaderSize)));
}

TEST(Rfc7541, S2_1_FieldsAreWrittenInTheirOrder) {
  for (const Role role : kRoles) {
    Talk talk(role);
    talk.next(3);
    const Headers mixed = {
        {"b", "1", Indexing::kPlain}, {"a", "2"}, {"b", "3", Indexing::kNever}, {"a", "2"}};
    EXPECT_EQ(written(talk, 1, mixed), "000162013140016101321001620133be");
    EXPECT_EQ(written(talk, 3, mixed), "0001620131be1001620133be");
  }
}

TEST(Rfc7541, S2_1_FieldsAreReadInTheirOrder) {
  expect_fields("000162013140016101321001620133be", "b: 1\na: 2\nb: 3\na: 2\n");
}

TEST(Rfc7541, S2_3_2_TheTableMayHoldAFieldTwice) {
  expect_fields("40016101314001610131bebf", "a: 1\na: 1\na: 1\na: 1\n");
}

TEST(Rfc7541, S2_3_3_AnIndexBeyondBothTablesIsAnError) {
  for (const char* block : {"be", "4001610131bf", "ff00", "7e0131", "0f2f0131", "1f2f0131", "ffffffff0f"}) {
    expect_error(block);
  }
  expect_fields("4001610131be", "a: 1\na: 1\n");
}

TEST(Rfc7541, S3_2_EachRepresentationIsProcessedAsItSays) {
  // Static, indexed name, literal without indexing, never indexed, with indexing, and what is in the table
  // then.
  expect_fields("8f0f100131000161013110016101324001610133be",
                "accept-charset: \n"
                "content-type: 1\n"
                "a: 1\na: 2\na: 3\na: 3\n");
}

TEST(Rfc7541, S4_2_OurTableStaysWithinThePeersMaximum) {
  for (const Role role : kRoles) {
    Talk talk(role, {{SettingId::kHeaderTableSize, 40}});
    talk.next(3);
    // 34 bytes fit, 41 do not: they are literals each time.
    // A client has told the size with its request.
    const std::string update = role == Role::kServer ? "3f09" : "";
    EXPECT_EQ(written(talk, 1, {{"a", "1"}, {"a", "1"}}), update + "4001610131be");
    const std::string large = written(talk, 3, {{"a", "1"}, {"large", "1234"}, {"large", "1234"}});
    EXPECT_EQ(large.substr(0, 2), "be");
    EXPECT_EQ(large.find("be", 2), std::string::npos);
  }
}

TEST(Rfc7541, S4_2_AChangeIsToldAtTheStartOfTheNextBlock) {
  for (const Role role : kRoles) {
    Talk talk(role);
    talk.next(3), talk.next(5);
    EXPECT_EQ(written(talk, 1, {{"a", "1"}}), "4001610131");
    ASSERT_TRUE(talk.feed(Wire().settings({{SettingId::kHeaderTableSize, 100}})).ok());
    talk.forget();
    EXPECT_EQ(written(talk, 3, {{"a", "1"}}), "3f45be");
    EXPECT_EQ(written(talk, 5, {{"a", "1"}}), "be");
  }
  expect_error("823f45");
  expect_fields("3f454001610131", "a: 1\n");
}

TEST(Rfc7541, S4_2_TheSmallestMaximumBetweenTwoBlocksIsToldFirst) {
  for (const Role role : kRoles) {
    Talk talk(role);
    talk.next(3);
    EXPECT_EQ(written(talk, 1, {{"a", "1"}}), "4001610131");
    for (const std::uint32_t size : {50u, 0u, 200u, 100u}) {
      ASSERT_TRUE(talk.feed(Wire().settings({{SettingId::kHeaderTableSize, size}})).ok());
    }
    talk.forget();
    EXPECT_EQ(written(talk, 3, {{"a", "1"}}), "203f454001610131");
  }
}

TEST(Rfc7541, S5_1_IntegersBeyondOurLimitsAreErrors) {
  for (const char* block :
       {"ff8080808080", "ffffffffff7f", "ff81ffffff0f", "3fffffffffff7f", "7fffffffffff7f01",
        "0fffffffffff7f01", "007fffffffffff7f", "4001617fffffffffff7f", "ff", "ff80", "3f"}) {
    expect_error(block);
  }
  expect_fields("3f808080000001310132", "1: 2\n");
}

TEST(Rfc7541, S5_2_PaddingOfEightBitsOrMoreIsAnError) {
  expect_fields("000161811f", "a: a\n");  // 5 bits and 3 of padding
  expect_error("000161821fff");           // 11 of padding
  expect_error("00016181ff");
  expect_error("00821fff0161");
}

TEST(Rfc7541, S5_2_PaddingThatDoesNotBeginEosIsAnError) {
  for (const char* last : {"18", "19", "1a", "1b", "1c", "1d", "1e"}) {
    expect_error(std::string("00016181") + last);
  }
}

TEST(Rfc7541, S5_2_EosWithinAStringIsAnError) {
  expect_error("00016184ffffffff");
  expect_error("000161851fffffffff");
  expect_error("0084ffffffff0161");
}

TEST(Rfc7541, S6_1_IndexZeroIsAnError) {
  expect_error("80");
  expect_error("400161013180");
}

TEST(Rfc7541, S6_2_3_WhatIsNeverIndexedIsAlwaysWrittenSo) {
  for (const Role role : kRoles) {
    Talk talk(role);
    talk.next(3);
    EXPECT_EQ(written(talk, 1, {{"a", "1"}, {"a", "1", Indexing::kNever}}), "40016101311f2f0131");
    EXPECT_EQ(written(talk, 3, {{"a", "1", Indexing::kNever}, {"accept-charset", "", Indexing::kNever}}),
              "1f2f01311f0000");
  }
}

TEST(Rfc7541, S6_3_OurSizeUpdatesAreWithinTheMaximum) {
  for (const Role role : kRoles) {
    for (const std::uint32_t size : {0u, 30u, 31u, 4095u, 4096u, 4097u, 0xffffffffu}) {
      Talk talk(role);
      ASSERT_TRUE(talk.feed(Wire().settings({{SettingId::kHeaderTableSize, size}})).ok());
      talk.forget();
      const Block block = unhex(written(talk, 1, {{"a", "1"}}));
      HpackDecoder strict;
      if (size < kInitialTableSize) strict.set_max_table_size(size);
      EXPECT_EQ(decode_error(strict, block), "") << size;
      EXPECT_LE(strict.table().max_size(), size);
    }
  }
}

TEST(Rfc7541, S6_3_SizeUpdatesAboveTheMaximumAreErrors) {
  expect_fields("3fe11f4001610131", "a: 1\n");  // 4096
  for (const char* block : {"3fe21f", "3fffffffff0f", "203fe21f"}) expect_error(block);
}

}  // namespace
}  // namespace sluice::inline v0::http2
