// The guide's metadata: what a call carries besides its messages, both ways; and the same in interceptors,
// once for all calls.
#include <sluice/sluice.h>
#include <sluice/testing/client_of.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "notes.sluice.h"

namespace {

// [values]
// Who calls. One value a type: the type is the key.
struct User {
  std::string name;
};
// [/values]

// [server_interceptor]
class CheckToken final : public sluice::ServerInterceptor {
  sluice::Status on_headers(sluice::ServerContext& context) override {
    if (context.metadata().get("authorization") != "Bearer s3cret") {
      return {sluice::StatusCode::kUnauthenticated, "no token that I know"};
    }
    context.set_context(context.context().with_value(User{"Anna"}));
    return {};
  }
};
// [/server_interceptor]

// [client_interceptor]
class AddToken final : public sluice::ClientInterceptor {
  sluice::Status on_headers(sluice::OutgoingHeaders& headers) override {
    headers.metadata.add("authorization", "Bearer s3cret");
    return {};
  }
};
// [/client_interceptor]

// [handler]
class Notebook final : public notes::Notes::Service {
  sluice::Task<sluice::Result<notes::Note>> Get(sluice::ServerContext& context,
                                                const notes::GetRequest&) override {
    const std::string_view language = context.metadata().get("language").value_or("en");
    if (sluice::Status s = context.add_header("language", language); !s.ok()) co_return s;
    if (sluice::Status s = context.add_trailer("checksum-bin", std::string_view("\0\1\2", 3)); !s.ok())
      co_return s;
    notes::Note note;
    note.set_text(context.context().value<User>()->name + (language == "de" ? ": Milch" : ": milk"));
    co_return note;
  }
  // [/handler]

  // [stream_handler]
  sluice::Task<sluice::Status> List(sluice::ServerContext& context, const notes::ListRequest&,
                                    sluice::ServerWriter<notes::Note>& writer) override {
    if (sluice::Status s = context.add_header("version", "3"); !s.ok()) co_return s;
    if (sluice::Status s = writer.send_header(); !s.ok()) co_return s;  // now, not with the first note
    co_return sluice::Status();
  }
  // [/stream_handler]
};

// [client]
void get(const notes::Notes::Stub& stub) {
  sluice::Metadata header, trailer;
  const notes::GetRequest request;
  const auto note = stub.Get(request, {.metadata = sluice::MetadataList({"language", "de"}, {"trace", "17"}),
                                       .header = &header,
                                       .trailer = &trailer})
                        .get();
  std::printf("%s\n", note.ok() ? note->text().c_str() : note.status().to_string().c_str());
  for (const sluice::KV pair : header) {
    std::printf("header %s: %s\n", std::string(pair.key).c_str(), std::string(pair.value).c_str());
  }
  std::printf("checksum of %zu bytes\n", trailer.get("checksum-bin").value_or("").size());
}
// [/client]

// [many]
void many(const notes::Notes::Stub& stub) {
  sluice::Metadata metadata{{"language", "en"}};
  for (int i = 0; i < 10; ++i) metadata.add("trace", std::to_string(i));
  const notes::GetRequest request;
  const auto note = stub.Get(request, {.metadata = &metadata}).get();
  std::printf("%s\n", note.ok() ? note->text().c_str() : note.status().to_string().c_str());
}
// [/many]

// [stream_client]
void list(const notes::Notes::Stub& stub) {
  auto stream = stub.List(notes::ListRequest());
  if (sluice::Status s = stream.wait_header().get(); s.ok()) {
    std::printf("version %s\n", std::string(stream.header().get("version").value_or("?")).c_str());
  }
  while (auto note = stream.read().get()) std::printf("%s\n", note->text().c_str());
  const sluice::Status status = stream.finish().get();  // then trailer() is there
  std::printf("%s, %zu trailers\n", status.to_string().c_str(), stream.trailer().size());
}
// [/stream_client]

}  // namespace

int main() {
  Notebook notebook;
  // [chains]
  auto client = sluice::testing::client_of<notes::Notes>(
      notebook, {.server = {.interceptors = {std::make_shared<CheckToken>()}},
                 .channel = {.interceptors = {std::make_shared<AddToken>()}}});
  // [/chains]
  get(*client);
  many(*client);
  list(*client);

  const notes::Notes::Stub without(sluice::dial(client.runtime(), "pipe:server").value());
  get(without);
  return 0;
}
