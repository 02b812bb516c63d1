// Two of our sessions with a wire between them that a script may damage. As long as it is whole no rule is
// broken and every body arrives as it was sent; in the end nothing is left open. Input: two behaviours, then
// steps.
#include "fuzz.h"

using namespace sluice::http2;        // NOLINT
using namespace sluice::http2::fuzz;  // NOLINT
using sluice::Bytes;

namespace {

struct Pair {
  Pair(std::uint32_t c, std::uint32_t s)
      : unit(((c | s) & how::kTight) != 0 ? 3 : 300),
        client(Role::kClient, mend(c)),
        server(Role::kServer, mend(s)) {
    client.intact = server.intact = true;
  }

  // DATA must be credited, or nothing would ever end, and what is large through a tight window takes for
  // ever.
  std::uint32_t mend(std::uint32_t how) const {
    return how & ~(how::kKeepCredit | (unit == 3 ? how::kLarge : 0));
  }

  void deliver(std::string& wire, std::size_t most, App& to) {
    if (wire.empty()) return;
    (void)to.feed(Bytes::copy(std::string_view(wire).substr(0, most)));
    wire.erase(0, most);
  }
  bool pump(std::size_t most) {
    to_server += client.take(), to_client += server.take();
    if (to_server.empty() && to_client.empty()) return false;
    deliver(to_server, most, server), deliver(to_client, most, client);
    return true;
  }
  void step(Input& in) {
    const std::uint32_t op = in.u8();
    App& one = op < 128 ? client : server;
    Stream* stream = one.nth(op / 16);
    const EndStream end = op % 2 == 0 ? EndStream::kYes : EndStream::kNo;
    if (op % 16 < 3) client.open(in.u8() * (op % 16 == 0 ? 1 : unit), end);
    if (op % 16 == 3) one.session.submit_ping(op);
    if (op % 16 == 4)
      one.session.submit_goaway(op % 32 == 4 ? kMaxStreamId : one.session.last_peer_stream(), {}, "drain");
    if (op % 16 == 5 && stream != nullptr) one.reset(*stream, ErrorCode::kCancel);
    if (op % 16 == 6 && stream != nullptr) one.release(*stream);
    if (op % 16 == 7 && damage(op < 128 ? to_server : to_client, in)) client.intact = server.intact = false;
    if (op % 16 > 7 && op % 16 < 10 && stream != nullptr && &one == &client)
      one.send(*stream, in.u8() * unit, end);
    if (op % 16 > 9) pump(1 + in.u8() * 50);
  }

  const std::uint32_t unit;  // a step's bodies are made of so many bytes
  App client;
  App server;
  std::string to_server;
  std::string to_client;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  const std::uint32_t how = in.u8();
  Pair pair(how, in.u8());
  // A thousand replies that wait are an attack, so there are fewer steps than that.
  for (int i = 0; i < 300 && !in.empty(); ++i) pair.step(in);
  for (std::size_t i = 0; Stream* stream = pair.client.nth(i); ++i) {
    if (stream == pair.client.nth(0) && i > 0) break;
    pair.client.send(*stream, 0, EndStream::kYes);
  }
  for (int i = 0; i < 1000000 && pair.pump(1 << 20); ++i) continue;
  if (!pair.client.intact) return 0;
  expect(pair.client.session.open_streams() == 0, "a client's stream has no end");
  expect(pair.server.session.open_streams() == 0, "a server's stream has no end");
  return 0;
}
