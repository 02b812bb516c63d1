// The guide's streams: a list, an import that is all or nothing, and a chat between all who are in a room.
// Service and clients are in this process, over a pipe and in virtual time.
#include <sluice/sluice.h>
#include <sluice/testing/client_of.h>

#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "notes.sluice.h"

namespace {

// [room]
using Inbox = sluice::Queue<notes::Line>;

// In the room as long as it lives, however its handler ends.
struct Member {
  explicit Member(std::set<Inbox*>& r) : room(r) { room.insert(&inbox); }
  ~Member() { room.erase(&inbox); }
  Member(const Member&) = delete;

  // Waits for nobody: a member whose inbox is full is put out.
  void say(const notes::Line& line) {
    for (Inbox* other : room) {
      if (other != &inbox && !other->try_push(line)) other->close();
    }
  }

  Inbox inbox{100};
  std::set<Inbox*>& room;
};
// [/room]

class Notebook final : public notes::Notes::Service {
  // [list]
  sluice::Task<sluice::Status> List(sluice::ServerContext&, const notes::ListRequest&,
                                    sluice::ServerWriter<notes::Note>& writer) override {
    for (std::size_t i = 0; i < notes_.size(); ++i) {  // no iterator: notes_ may grow while a write waits
      const notes::Note note = notes_[i];
      if (sluice::Status s = co_await writer.write(note); !s.ok()) co_return s;
    }
    co_return sluice::Status();
  }
  // [/list]

  // [import]
  sluice::Task<sluice::Result<notes::ImportReply>> Import(
      sluice::ServerContext&, sluice::ServerReader<notes::Note>& reader) override {
    std::vector<notes::Note> all;
    while (auto note = co_await reader.read()) all.push_back(*std::move(note));
    // Here only if the client has sent all it wanted to.
    for (notes::Note& note : all) notes_.push_back(std::move(note));
    notes::ImportReply reply;
    reply.set_count(static_cast<std::int64_t>(all.size()));
    co_return reply;
  }
  // [/import]

  // [chat]
  sluice::Task<sluice::Status> Chat(sluice::ServerContext& context,
                                    sluice::ServerReaderWriter<notes::Line, notes::Line>& stream) override {
    Member me(room_);
    if (sluice::Status s = stream.send_header(); !s.ok()) co_return s;  // "you are in"
    for (;;) {
      auto next = co_await sluice::when_any(context.draining().done(), me.inbox.pop(), stream.read());
      if (next.index() == 0) co_return {sluice::StatusCode::kUnavailable, "the server is going down"};
      if (next.index() == 1) {
        const sluice::Result<notes::Line>& heard = std::get<1>(next);
        if (!heard.ok()) co_return {sluice::StatusCode::kResourceExhausted, "you read too slowly"};
        if (sluice::Status s = co_await stream.write(*heard); !s.ok()) co_return s;
      } else {
        const sluice::Read<notes::Line>& said = std::get<2>(next);
        if (!said) co_return sluice::Status();  // the client has said all
        me.say(*said);
      }
    }
  }
  // [/chat]

  std::vector<notes::Note> notes_;
  std::set<Inbox*> room_;  // of one loop, whose handlers run one after the other
};

notes::Note note_of(const std::string& text) {
  notes::Note note;
  note.set_text(text);
  return note;
}

// [import_client]
void import(const notes::Notes::Stub& stub, const std::vector<std::string>& texts) {
  auto stream = stub.Import();
  for (const std::string& text : texts) {
    if (sluice::Status s = stream.write(note_of(text)).get(); !s.ok()) break;  // finish() tells why
  }
  const sluice::Result<notes::ImportReply> reply = stream.finish().get();
  std::printf("imported %s\n",
              reply.ok() ? std::to_string(reply->count()).c_str() : reply.status().to_string().c_str());
}
// [/import_client]

void import_half(const notes::Notes::Stub& stub) {
  auto stream = stub.Import();
  sluice::Status written = stream.write(note_of("half of it")).get();
  stream.cancel();
  std::printf("gave up: %s\n", stream.finish().get().status().to_string().c_str());
}

// [list_client]
void list(const notes::Notes::Stub& stub) {
  auto stream = stub.List(notes::ListRequest());
  while (auto note = stream.read().get()) std::printf("  %s\n", note->text().c_str());
  if (sluice::Status s = stream.finish().get(); !s.ok()) std::printf("cut: %s\n", s.to_string().c_str());
}
// [/list_client]

// [chat_client]
// Says what `lines` brings and prints what others say, until `lines` is closed.
sluice::Task<sluice::Status> chat(const notes::Notes::Stub& stub, std::string name,
                                  sluice::Queue<std::string>& lines, sluice::Event& joined) {
  auto stream = stub.Chat();
  if (sluice::Status s = co_await stream.wait_header(); !s.ok()) co_return s;  // "you are in"
  joined.set();
  for (;;) {
    auto next = co_await sluice::when_any(stream.read(), lines.pop());
    if (next.index() == 0) {
      const sluice::Read<notes::Line>& heard = std::get<0>(next);
      if (!heard) break;  // the server has ended it
      std::printf("%s hears: %s\n", name.c_str(), heard->text().c_str());
    } else {
      const sluice::Result<std::string>& text = std::get<1>(next);
      if (!text.ok()) break;  // closed: nothing more to say
      notes::Line line;
      line.set_text(name + " says " + *text);
      if (sluice::Status s = co_await stream.write(line); !s.ok()) break;
    }
  }
  co_return co_await stream.finish();
}
// [/chat_client]

sluice::Task<> talk(sluice::Queue<std::string>& anna, sluice::Queue<std::string>& berta,
                    sluice::Event& anna_is_in, sluice::Event& berta_is_in) {
  (void)co_await anna_is_in.wait();
  (void)co_await berta_is_in.wait();
  (void)co_await anna.push("hello");
  (void)co_await anna.push("anybody there?");
  (void)co_await sluice::sleep(std::chrono::seconds(1));
  (void)co_await berta.push("yes");
  (void)co_await sluice::sleep(std::chrono::seconds(1));
  anna.close();
  berta.close();
}

sluice::Task<> two_who_talk(const notes::Notes::Stub& stub) {
  sluice::Queue<std::string> anna(10), berta(10);
  sluice::Event anna_is_in, berta_is_in;
  auto [a, b, nothing] =
      co_await sluice::when_all(chat(stub, "Anna", anna, anna_is_in), chat(stub, "Berta", berta, berta_is_in),
                                talk(anna, berta, anna_is_in, berta_is_in));
  std::printf("Anna: %s\nBerta: %s\n", a.to_string().c_str(), b.to_string().c_str());
}

}  // namespace

int main() {
  Notebook notebook;
  auto client = sluice::testing::client_of<notes::Notes>(notebook, {.runtime = {.simulation_seed = 1}});
  import(*client, {"buy milk", "call Anna"});
  import_half(*client);
  list(*client);
  client.runtime().run(two_who_talk(*client));
  return 0;
}
