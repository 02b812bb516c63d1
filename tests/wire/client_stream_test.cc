// A client's calls in flight: what it sends, what it gives up, and what of that is said to the server.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wire/wire.h"

namespace sluice::wire {
namespace {

class ClientStreams : public WireTest {
 protected:
  ClientStreams()
      : listener_(runtime(), "pipe:scripted"), channel_(dial(runtime(), "pipe:scripted").value()) {}

  // Where the first call has led to, greeted; frames that came with it are taken.
  ScriptedPeer& server(std::vector<std::pair<SettingId, std::uint32_t>> settings = {}) {
    server_ = listener_.accept();
    server_->send(Wire().settings(std::move(settings)).settings_ack());
    server_->take();
    return *server_;
  }
  const Channel& channel() const { return channel_; }

 private:
  ScriptedListener listener_;
  std::unique_ptr<ScriptedPeer> server_;
  Channel channel_;
};
INSTANTIATE_TEST_SUITE_P(All, ClientStreams, ::testing::ValuesIn(kRuntimes), support::name_of);

TEST_P(ClientStreams, FinishMidwayInAMessageDiscardsTheRestOfIt) {
  auto stream = bidi(channel());
  ScriptedPeer& peer = server();
  peer.send(Wire().headers(1, kResponseHead).data(1, message("half").substr(0, 7)));
  Call<Status> finished = stream.finish().start();
  peer.send(Wire().data(1, "lf").headers(1, kOkTrailers, kEnd));
  EXPECT_EQ(finished.get(), Status());
}

}  // namespace
}  // namespace sluice::wire
