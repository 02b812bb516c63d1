// The guide's errors: how a handler returns them, plain and with details, and how a caller looks at them.
#include <sluice/errors/error_details.pb.h>
#include <sluice/errors/errors.h>
#include <sluice/sluice.h>
#include <sluice/testing/client_of.h>

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "notes.sluice.h"

namespace {

class Notebook final : public notes::Notes::Service {
  // [return]
  sluice::Task<sluice::Result<notes::Note>> Get(sluice::ServerContext&,
                                                const notes::GetRequest& request) override {
    if (request.id() <= 0) co_return {sluice::StatusCode::kInvalidArgument, "ids begin with 1"};
    co_return find(request.id());
  }

  // A function of the service's own gives a value or a failure in the same way.
  static sluice::Result<notes::Note> find(std::int64_t id) {
    if (id == 13) throw std::runtime_error("nobody has thought of 13");
    if (id > 2) return {sluice::StatusCode::kNotFound, "there is no note " + std::to_string(id)};
    notes::Note note;
    note.set_id(id);
    note.set_text("buy milk");
    return note;
  }
  // [/return]

  // [details]
  sluice::Task<sluice::Result<notes::Note>> Add(sluice::ServerContext&, const notes::Note& request) override {
    if (request.text().empty()) {
      sluice::errors::BadRequest bad;
      auto& violation = *bad.add_field_violations();
      violation.set_field("text");
      violation.set_description("is empty");
      co_return sluice::with_details({sluice::StatusCode::kInvalidArgument, "no note"}, bad);
    }
    co_return request;
  }
  // [/details]
};

notes::GetRequest request_of(std::int64_t id) {
  notes::GetRequest request;
  request.set_id(id);
  return request;
}

// [look]
void look(const notes::Notes::Stub& stub, std::int64_t id) {
  const sluice::Result<notes::Note> note = stub.Get(request_of(id)).get();
  if (note.ok()) {
    std::printf("%s\n", note->text().c_str());
  } else if (note.status().code() == sluice::StatusCode::kNotFound) {
    std::printf("not there\n");
  } else {
    std::printf("%s\n", note.status().to_string().c_str());
  }
}
// [/look]

// [short]
void shorter(const notes::Notes::Stub& stub) {
  const std::string text = stub.Get(request_of(3))
                               .get()
                               .transform([](const notes::Note& n) { return n.text(); })
                               .value_or("(nothing)");
  std::printf("%s\n", text.c_str());
  try {
    const notes::Note note = stub.Get(request_of(4)).get().value();  // throws where there is none
    std::printf("%s\n", note.text().c_str());
  } catch (const sluice::StatusError& error) {
    std::printf("thrown: %s\n", error.what());
  }
}
// [/short]

// [find_detail]
void what_is_wrong(const notes::Notes::Stub& stub) {
  const sluice::Status status = stub.Add(notes::Note()).get().status();
  if (const auto bad = sluice::find_detail<sluice::errors::BadRequest>(status)) {
    for (const auto& violation : bad->field_violations()) {
      std::printf("%s %s\n", violation.field().c_str(), violation.description().c_str());
    }
  }
}
// [/find_detail]

// [hand_on]
sluice::Task<sluice::Status> copy(const notes::Notes::Stub& from, const notes::Notes::Stub& to,
                                  std::int64_t id) {
  const notes::GetRequest request = request_of(id);
  const sluice::Result<notes::Note> note = co_await from.Get(request);
  if (!note.ok()) co_return note.status();
  const sluice::Result<notes::Note> added = co_await to.Add(*note);
  co_return added.status();
}
// [/hand_on]

}  // namespace

int main() {
  Notebook notebook;
  auto client = sluice::testing::client_of<notes::Notes>(notebook);
  for (const std::int64_t id : {1, 7, 0, 13}) look(*client, id);
  shorter(*client);
  what_is_wrong(*client);
  std::printf("%s\n", client.runtime().run(copy(*client, *client, 1)).to_string().c_str());
  std::printf("%s\n", client.runtime().run(copy(*client, *client, 5)).to_string().c_str());
  return 0;
}
