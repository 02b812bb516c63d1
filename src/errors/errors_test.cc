// Details of a status: put in, found and listed again, limited, and read from bytes that anybody may have
// sent.
#include "sluice/errors/errors.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "sluice/errors/error_details.pb.h"

namespace sluice::inline v0 {
namespace {

namespace pb = google::protobuf;
using std::string_literals::operator""s;

errors::RetryInfo retry_in(int seconds) {
  errors::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(seconds);
  return retry;
}
pb::StringValue text_of(std::string value) {
  pb::StringValue text;
  text.set_value(std::move(value));
  return text;
}
const Status kPlain(StatusCode::kUnavailable, "come back");

// As google.rpc.Status would be written by hand.
std::string field(char tag, const std::string& bytes) {
  EXPECT_LT(bytes.size(), 128u);
  return std::string(1, tag) + static_cast<char>(bytes.size()) + bytes;
}
std::string any(const std::string& url, const std::string& value) {
  return field('\x1a', field('\n', url) + (value.empty() ? "" : field('\x12', value)));
}

TEST(ErrorDetails, AreAGoogleRpcStatusOnTheWire) {
  const Status status = with_details(kPlain, retry_in(7), text_of("more"), errors::Help());
  EXPECT_EQ(status.code(), kPlain.code());
  EXPECT_EQ(status.message(), kPlain.message());
  EXPECT_EQ(status.details(), "\x08\x0e" + field('\x12', "come back") +
                                  any("type.googleapis.com/google.rpc.RetryInfo", "\n\x02\x08\x07") +
                                  any("type.googleapis.com/google.protobuf.StringValue", "\n\x04more") +
                                  any("type.googleapis.com/google.rpc.Help", ""));
}

TEST(ErrorDetails, AreFoundByTheirType) {
  const Status status = with_details(kPlain, text_of("a"), retry_in(7), text_of("b"), retry_in(8));
  EXPECT_EQ(find_detail<errors::RetryInfo>(status)->retry_delay().seconds(), 7);
  EXPECT_EQ(find_detail<pb::StringValue>(status)->value(), "a");
  EXPECT_FALSE(find_detail<errors::Help>(status));
  EXPECT_FALSE(find_detail<errors::RetryInfo>(kPlain));
  EXPECT_FALSE(find_detail<errors::RetryInfo>(Status()));
}

TEST(ErrorDetails, AreListedInTheirOrder) {
  const Status status = with_details(kPlain, text_of("a"), retry_in(7));
  const auto all = error_details(status);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].type, "google.protobuf.StringValue");
  EXPECT_EQ((*all)[0].as<pb::StringValue>()->value(), "a");
  EXPECT_FALSE((*all)[0].as<errors::RetryInfo>());
  EXPECT_EQ((*all)[1].type, "google.rpc.RetryInfo");
  EXPECT_EQ((*all)[1].type_url, "type.googleapis.com/google.rpc.RetryInfo");
  EXPECT_EQ((*all)[1].value, retry_in(7).SerializeAsString());
  EXPECT_EQ((*all)[1].as<errors::RetryInfo>()->retry_delay().seconds(), 7);
  EXPECT_TRUE(error_details(kPlain)->empty());
}

TEST(ErrorDetails, StatusThatIsOkHasNone) {
  Status ok;
  EXPECT_EQ(add_detail(ok, retry_in(1)),
            Status(StatusCode::kFailedPrecondition, "a status that is OK has no details"));
  EXPECT_EQ(with_details(Status(), retry_in(1)), Status());
}

// A server in the middle adds to what it was told.
TEST(ErrorDetails, AreAddedBehindThoseThatCame) {
  const std::string unknown = "\x22\x03new\x28\x05";  // of fields that nobody knows yet
  Status status(StatusCode::kAborted, "other", "\x08\x03" + any("x/test.Unknown", "?") + unknown);
  EXPECT_EQ(add_detail(status, retry_in(7)), Status());
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_EQ(status.details(), "\x08\x03" + any("x/test.Unknown", "?") + unknown +
                                  any("type.googleapis.com/google.rpc.RetryInfo", "\n\x02\x08\x07"));
  EXPECT_EQ(error_details(status)->size(), 2u);
}

TEST(ErrorDetails, TypeIsWhatFollowsTheLastSlash) {
  for (const char* url : {"google.rpc/google.rpc.RetryInfo", "/google.rpc.RetryInfo",
                          "https://example.com/a/b/google.rpc.RetryInfo"}) {
    const Status status(StatusCode::kAborted, "", any(url, "\n\x02\x08\x07"));
    EXPECT_EQ(find_detail<errors::RetryInfo>(status)->retry_delay().seconds(), 7) << url;
  }
  for (const char* url : {"google.rpc.RetryInfo", "", "x/", "x/google.rpc.RetryInfo/",
                          "x/google.rpc.retryinfo", "x/sluice.errors.RetryInfo", "x/google.rpc.RetryInfo2"}) {
    const Status status(StatusCode::kAborted, "", any(url, "\n\x02\x08\x07"));
    EXPECT_FALSE(find_detail<errors::RetryInfo>(status)) << url;
    EXPECT_EQ(error_details(status)->size(), 1u) << url;
  }
}

TEST(ErrorDetails, CodeAndTextInsideCountForNothing) {
  const Status status(StatusCode::kAborted, "outside",
                      "\x08\x05" + field('\x12', "inside") + any("x/google.rpc.RetryInfo", "\n\x02\x08\x07"));
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_EQ(find_detail<errors::RetryInfo>(status)->retry_delay().seconds(), 7);
  EXPECT_EQ(with_details({static_cast<StatusCode>(42), ""}, errors::Help()).details().substr(0, 2),
            "\x08\x02");
}

TEST(ErrorDetails, TextThatIsNoUtf8IsReplaced) {
  const Status status = with_details({StatusCode::kAborted, "a\xff\xc3\xa9\xed\xa0\x80"}, errors::Help());
  EXPECT_EQ(status.message(), "a\xff\xc3\xa9\xed\xa0\x80");
  EXPECT_TRUE(status.details().starts_with(
      "\x08\x0a" + field('\x12', "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")));
}

const std::vector<std::string>& malformed() {
  static const std::vector<std::string> kBytes = {
      "\x08"s,                      // no value
      "\x1a"s,                      // no length
      "\x1a\x05xx"s,                // shorter than announced
      "\x1a\xff\xff\xff\xff\x0f"s,  // four gigabytes
      "\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,
      "\x1a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s,  // no varint
      "\x00\x00"s,                                              // no tag
      "\x0c"s,                                                  // the end of no group
      "\x0b"s,                                                  // a group without an end
      "\x0e"s,                                                  // a wire type that there is not
      "\x1a\x02\x0a\x05"s,                                      // of an Any
      any("x/google.rpc.RetryInfo", "\n\x02\x08\x07") + "\x1a",
      std::string(30'000, '\x0b'),  // groups in groups
  };
  return kBytes;
}

TEST(ErrorDetails, MalformedBytesAreNone) {
  for (const std::string& bytes : malformed()) {
    Status status(StatusCode::kAborted, "text", bytes);
    EXPECT_FALSE(find_detail<errors::RetryInfo>(status));
    const std::string text =
        "the details of the status are no google.rpc.Status: " + std::to_string(bytes.size()) + " bytes";
    EXPECT_EQ(error_details(status).status(), Status(StatusCode::kInternal, text));
    EXPECT_EQ(add_detail(status, retry_in(1)), Status(StatusCode::kInternal, text));
    EXPECT_EQ(status.details(), bytes);
  }
}

TEST(ErrorDetails, DetailThatDoesNotParseIsNone) {
  const Status status(StatusCode::kAborted, "", any("x/google.rpc.RetryInfo", "\n\x05"));
  EXPECT_FALSE(find_detail<errors::RetryInfo>(status));
  ASSERT_EQ(error_details(status)->size(), 1u);
  EXPECT_FALSE((*error_details(status))[0].as<errors::RetryInfo>());
}

// Whatever comes: an answer, and no more.
TEST(ErrorDetails, AnyBytesAreReadSafely) {
  std::mt19937 random(1);
  const std::string whole(with_details(kPlain, retry_in(7), text_of("more")).details());
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = whole;
    for (unsigned changes = 1 + random() % 3; changes > 0; --changes) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    bytes.resize(random() % (bytes.size() + 1));
    const Status status(StatusCode::kAborted, "", bytes);
    const auto all = error_details(status);
    EXPECT_LE(all.ok() ? all->size() : 0, 64u);
    (void)find_detail<errors::RetryInfo>(status);
    (void)find_detail<pb::StringValue>(status);
  }
}

TEST(ErrorDetails, AreLimitedInSize) {
  Status status = kPlain;
  EXPECT_EQ(add_detail(status, text_of(std::string(kMaxErrorDetailsSize, 'x'))).message(),
            "with google.protobuf.StringValue of 32772 bytes the details exceed the limit of 32768");
  EXPECT_EQ(status, kPlain);
  EXPECT_EQ(add_detail(status, text_of(std::string(kMaxErrorDetailsSize / 2, 'x'))), Status());
  const Status before = status;
  EXPECT_EQ(add_detail(status, text_of(std::string(kMaxErrorDetailsSize / 2, 'x'))).code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(status, before);
  // What fits is added all the same.
  const Status some = with_details(kPlain, text_of(std::string(kMaxErrorDetailsSize, 'x')), retry_in(7));
  EXPECT_EQ(error_details(some)->size(), 1u);
  EXPECT_TRUE(find_detail<errors::RetryInfo>(some));
}

TEST(ErrorDetails, AreNotReadBeyondTheLimit) {
  std::string bytes = "\x12\xfc\xff\x01";  // a message, that is field 2, with its length
  bytes.resize(kMaxErrorDetailsSize, 'x');
  const Status whole(StatusCode::kAborted, "", bytes);
  EXPECT_TRUE(error_details(whole).ok());
  bytes.append("\x1a\0", 2);
  const Status longer(StatusCode::kAborted, "", bytes);
  EXPECT_EQ(error_details(longer).status(),
            Status(StatusCode::kResourceExhausted, "details of 32770 bytes exceed the limit of 32768"));
}

TEST(ErrorDetails, AreLimitedInNumber) {
  std::string bytes;
  for (std::size_t i = 0; i < kMaxErrorDetails; ++i) bytes += "\x1a"s + '\0';
  Status status(StatusCode::kAborted, "", bytes);
  EXPECT_EQ(error_details(status)->size(), kMaxErrorDetails);
  EXPECT_EQ(add_detail(status, retry_in(1)),
            Status(StatusCode::kResourceExhausted, "the status has 256 details already"));
  status = Status(StatusCode::kAborted, "", bytes + "\x1a"s + '\0');
  EXPECT_EQ(error_details(status).status(),
            Status(StatusCode::kResourceExhausted, "the status has more than 256 details"));
  EXPECT_FALSE(find_detail<errors::RetryInfo>(status));
}

TEST(ErrorDetails, RequiredFieldsAreRequired) {
  pb::UninterpretedOption_NamePart part;
  Status status = kPlain;
  EXPECT_EQ(
      add_detail(status, part),
      Status(StatusCode::kInternal,
             "google.protobuf.UninterpretedOption.NamePart lacks required fields: name_part, is_extension"));
  EXPECT_EQ(status, kPlain);
  const Status came(StatusCode::kAborted, "",
                    any("x/google.protobuf.UninterpretedOption.NamePart", "\n\x01x"));
  EXPECT_FALSE(find_detail<pb::UninterpretedOption_NamePart>(came));
}

}  // namespace
}  // namespace sluice::inline v0
