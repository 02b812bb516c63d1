// sluice's details beside generated code of package google.rpc, which other implementations have: one program
// may link both, and each reads what the other writes.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "sluice/errors/error_details.pb.h"
#include "sluice/errors/errors.h"

namespace sluice {
namespace {

namespace pb = google::protobuf;

// Every field has a value, repeated ones have two.
void fill(pb::Message& message, int depth = 0) {
  const pb::Reflection& reflection = *message.GetReflection();
  const pb::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor* field = type.field(i);
    const std::string text = field->name() + std::to_string(depth);
    for (int n = 0; n < (field->is_repeated() && !field->is_map() ? 2 : 1); ++n) {
      switch (field->cpp_type()) {
        case pb::FieldDescriptor::CPPTYPE_STRING:
          field->is_repeated() ? reflection.AddString(&message, field, text)
                               : reflection.SetString(&message, field, text);
          break;
        case pb::FieldDescriptor::CPPTYPE_INT64:
          reflection.SetInt64(&message, field, field->number() + 100);
          break;
        case pb::FieldDescriptor::CPPTYPE_INT32:
          reflection.SetInt32(&message, field, field->number() + 100);
          break;
        case pb::FieldDescriptor::CPPTYPE_MESSAGE:
          fill(field->is_repeated() ? *reflection.AddMessage(&message, field)
                                    : *reflection.MutableMessage(&message, field),
               depth + 1);
          break;
        default:
          FAIL() << field->full_name();
      }
    }
  }
}

template <class Pair>
class SameMessages : public ::testing::Test {};
template <class Ours, class Theirs>
struct Pair {
  using A = Ours;
  using B = Theirs;
};
using Pairs = ::testing::Types<
    Pair<errors::ErrorInfo, google::rpc::ErrorInfo>, Pair<errors::RetryInfo, google::rpc::RetryInfo>,
    Pair<errors::DebugInfo, google::rpc::DebugInfo>, Pair<errors::QuotaFailure, google::rpc::QuotaFailure>,
    Pair<errors::PreconditionFailure, google::rpc::PreconditionFailure>,
    Pair<errors::BadRequest, google::rpc::BadRequest>, Pair<errors::RequestInfo, google::rpc::RequestInfo>,
    Pair<errors::ResourceInfo, google::rpc::ResourceInfo>, Pair<errors::Help, google::rpc::Help>,
    Pair<errors::LocalizedMessage, google::rpc::LocalizedMessage>>;
TYPED_TEST_SUITE(SameMessages, Pairs);

// Names and numbers of all fields are the same.
TYPED_TEST(SameMessages, FieldByField) {
  typename TypeParam::A ours;
  typename TypeParam::B theirs;
  fill(theirs);
  ASSERT_TRUE(ours.ParseFromString(theirs.SerializeAsString()));
  EXPECT_EQ(ours.DebugString(), theirs.DebugString());
  EXPECT_EQ(ours.SerializeAsString(), theirs.SerializeAsString());
}

TYPED_TEST(SameMessages, AreTheSameDetail) {
  typename TypeParam::A ours;
  typename TypeParam::B theirs;
  fill(ours);
  fill(theirs);
  const Status with_ours = with_details({StatusCode::kAborted, "text"}, ours);
  const Status with_theirs = with_details({StatusCode::kAborted, "text"}, theirs);
  EXPECT_EQ(with_ours, with_theirs);
  EXPECT_EQ(find_detail<typename TypeParam::A>(with_theirs)->DebugString(), ours.DebugString());
  EXPECT_EQ(find_detail<typename TypeParam::B>(with_ours)->DebugString(), theirs.DebugString());
}

// What is written by hand here is what protobuf writes.
TEST(GoogleRpcStatus, IsTheSameByteForByte) {
  errors::BadRequest bad;
  fill(bad);
  google::rpc::BadRequest theirs;
  fill(theirs);
  google::rpc::Status status;
  status.set_code(3);
  status.set_message("no n\xc3\xa4me");
  status.add_details()->PackFrom(theirs);
  status.add_details()->PackFrom(google::rpc::Help());
  const Status ours = with_details({StatusCode::kInvalidArgument, "no n\xc3\xa4me"}, bad, errors::Help());
  EXPECT_EQ(ours.details(), status.SerializeAsString());

  google::rpc::Status read;
  ASSERT_TRUE(read.ParseFromString(std::string(ours.details())));
  google::rpc::BadRequest unpacked;
  ASSERT_TRUE(read.details(0).UnpackTo(&unpacked));
  EXPECT_EQ(unpacked.DebugString(), theirs.DebugString());
  EXPECT_TRUE(read.details(1).Is<google::rpc::Help>());
}

TEST(GoogleRpcStatus, IsReadInWhateverOrderItsFieldsCome) {
  google::rpc::Status status;
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(7);
  status.add_details()->PackFrom(retry, "example.com/types");
  std::string details = status.SerializeAsString();
  google::rpc::Status rest;
  rest.set_code(14);
  rest.set_message("later");
  details += rest.SerializeAsString();
  const Status came(StatusCode::kUnavailable, "later", details);
  EXPECT_EQ(find_detail<errors::RetryInfo>(came)->retry_delay().seconds(), 7);
  EXPECT_EQ((*error_details(came))[0].type_url, "example.com/types/google.rpc.RetryInfo");
}

}  // namespace
}  // namespace sluice
