// Writes the seed corpora: what two of our sessions say to each other in a few exchanges, one short wire for
// each rule that a peer may break, and compressed messages, whole and broken. `fuzz_seeds DIR` writes them;
// `fuzz_seeds --check DIR` says what there differs.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "drive.h"
#include "http2/huffman.h"
#include "http2/session_test_util.h"
#include "sluice/compression/compressors.h"

namespace sluice::inline v0::http2::fuzz {
namespace {

using testing::Header;
using testing::Headers;
using testing::kEnd;
using testing::kRequest;
using testing::kResponse;
using testing::kTrailers;
using testing::plain;
using testing::Wire;

using Seeds = std::map<std::string, std::string>;

std::string chars(std::initializer_list<std::uint32_t> bytes) {
  std::string text;
  for (const std::uint32_t b : bytes) text += static_cast<char>(b);
  return text;
}

// The wires of an exchange: six requests of a client as drive.h has them, answered until both are silent.
std::pair<std::string, std::string> exchange(std::uint32_t client_how, std::uint32_t server_how) {
  App client(Role::kClient, client_how);
  App server(Role::kServer, server_how);
  std::string to_server;
  std::string to_client;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 6; ++i) client.open(7, i % 3 == 2 ? EndStream::kNo : EndStream::kYes);
    client.session.submit_ping(7);
    if (round == 1)
      server.session.submit_goaway(server.session.last_peer_stream(), ErrorCode::kNoError, "drain");
    for (int i = 0; i < 20; ++i) {
      const std::string there = client.take();
      const std::string back = server.take();
      (void)server.feed(Bytes::copy(there)), (void)client.feed(Bytes::copy(back));
      to_server += there, to_client += back;
    }
  }
  return {to_server, to_client};
}

void add_exchanges(Seeds& server, Seeds& client) {
  const std::pair<const char*, std::uint32_t> kHows[] = {{"plain", 0},
                                                         {"tags", how::kTags},
                                                         {"cached", how::kTags | how::kCached},
                                                         {"tight", how::kTight | how::kTags},
                                                         {"refuse", how::kRefuse | how::kReset}};
  for (const auto& [name, how] : kHows) {
    const auto& [to_server, to_client] = exchange(how, how);
    server[std::string("exchange-") + name] = chars({how | how::kNoHandshake, 0}) + to_server;
    client[std::string("exchange-") + name] = chars({how | how::kNoHandshake, 0}) + to_client;
    server[std::string("pieces-") + name] = chars({how | how::kNoHandshake | how::kLarge, 3}) + to_server;
    client[std::string("pieces-") + name] = chars({how | how::kNoHandshake, 3}) + to_client;
  }
}

// Wires after the handshake that either side may get.
void add_common(Seeds& seeds, std::uint32_t how, const Headers& first) {
  const auto add = [&](const char* name, const Wire& wire) { seeds[name] = chars({how, 0}) + wire.str(); };
  using enum ErrorCode;
  const auto ack = flag::kAck;
  add("settings", Wire().settings({{SettingId::kHeaderTableSize, 0},
                                   {SettingId::kMaxConcurrentStreams, 2},
                                   {SettingId::kInitialWindowSize, 70000},
                                   {SettingId::kMaxFrameSize, 20000},
                                   {SettingId::kMaxHeaderListSize, 9},
                                   {static_cast<SettingId>(99), 1}}));
  add("settings-push", Wire().settings({{SettingId::kEnablePush, 2}}));
  add("settings-push-on", Wire().settings({{SettingId::kEnablePush, 1}}));
  add("settings-window", Wire().settings({{SettingId::kInitialWindowSize, 0x80000000}}));
  add("settings-frame", Wire().settings({{SettingId::kMaxFrameSize, 5}}));
  add("settings-odd", Wire().frame(FrameType::kSettings, 0, 0, "12345"));
  add("settings-stream", Wire().frame(FrameType::kSettings, 0, 1, ""));
  add("settings-ack-twice", Wire().settings_ack().settings_ack());
  add("settings-ack-long", Wire().frame(FrameType::kSettings, ack, 0, "123456"));
  add("ping", Wire().ping("12345678").ping("87654321", ack).ping("123"));
  add("ping-stream", Wire().frame(FrameType::kPing, 0, 1, "12345678"));
  add("goaway-short", Wire().frame(FrameType::kGoaway, 0, 0, "1234"));
  add("goaway-stream", Wire().frame(FrameType::kGoaway, 0, 1, "12345678"));
  add("goaway-rising", Wire().goaway(1, kNoError).goaway(3, kNoError));
  add("goaway-even", Wire().goaway(2, kNoError));
  add("window-0", Wire().window_update(0, 0));
  add("window-overflow", Wire().window_update(0, 0x7fffffff));
  add("window-short", Wire().frame(FrameType::kWindowUpdate, 0, 0, "123"));
  add("window-idle", Wire().window_update(99, 1));
  add("rst-idle", Wire().rst(99, kCancel));
  add("rst-short", Wire().frame(FrameType::kRstStream, 0, 1, "123"));
  add("push", Wire().frame(FrameType::kPushPromise, 4, 1, "1234"));
  add("data-idle", Wire().data(99, "x"));
  add("headers-0", Wire().headers(0, first));
  add("headers-even", Wire().headers(2, first));
  add("continuation-alone", Wire().continuation(1, ""));
  add("block-interrupted", Wire().headers(1, "", 0).ping("12345678"));
  add("block-split", Wire().headers(1, "", 0).continuation(1, plain(first), testing::kEndHeaders));
  Wire flood;
  flood.headers(1, "", 0);
  for (int i = 0; i < 10; ++i) flood.continuation(1, "");
  add("block-flood", flood);
  add("block-garbage", Wire().headers(1, "\xff\xff\xff\xff\xff\xff"));
  add("headers-pad-too-long", Wire().headers(1, "\x09", flag::kPadded | 4));
  add("headers-short", Wire().headers(1, "", flag::kPadded | flag::kPriority | 4));
  add("frame-too-long", Wire().header(1 << 20, FrameType::kData, 0, 1));
  add("priority-0", Wire().frame(FrameType::kPriority, 0, 0, "12345"));
  add("priority", Wire()
                      .headers(1, first)
                      .frame(FrameType::kPriority, 0, 1, "12345")
                      .frame(FrameType::kPriority, 0, 1, "123"));
  add("unknown", Wire().frame(static_cast<FrameType>(0x55), 0xff, 7, "unknown"));
  Headers many = first;
  for (int i = 0; i < 12; ++i) many.push_back({"x-" + std::to_string(i), std::string(90, 'v')});
  seeds["headers-many"] = chars({how | how::kTight, 0}) + Wire().headers(1, many).str();
}

// Streams: `first` opens the body, then every way in which it can go on.
void add_streams(Seeds& seeds, std::uint32_t how, const Headers& first) {
  const auto add = [&](const char* name, const Wire& wire) {
    seeds[name] = chars({how, 0}) + Wire().headers(1, first).str() + wire.str();
  };
  add("data", Wire().data(1, "abc").padded_data(1, "def", 9).data(1, "").data(1, "", kEnd).data(1, "late"));
  add("data-padding", Wire().frame(FrameType::kData, flag::kPadded, 1,
                                   "\x09"
                                   "abc"));
  add("data-no-padding", Wire().frame(FrameType::kData, flag::kPadded, 1, ""));
  add("data-all-padding", Wire().padded_data(1, "", 200, kEnd).headers(1, kTrailers, kEnd).rst(1, {}));
  add("trailers", Wire().data(1, "abc").headers(1, kTrailers, kEnd).headers(1, kTrailers, kEnd));
  add("trailers-open", Wire().headers(1, kTrailers));
  add("trailers-pseudo", Wire().headers(1, first, kEnd));
  add("window-stream", Wire().window_update(1, 9).window_update(1, 0x7fffffff).window_update(1, 1));
  add("window-stream-0", Wire().window_update(1, 0));
  add("settings-overflow",
      Wire().window_update(1, 0x7fff0000).settings({{SettingId::kInitialWindowSize, 0x7fffffff}}));
  add("settings-lower",
      Wire().data(1, "", kEnd).settings({{SettingId::kInitialWindowSize, 3}}).window_update(1, 9));
  add("rst", Wire().rst(1, ErrorCode::kCancel).data(1, "late").headers(1, kTrailers, kEnd));
  add("padded-headers",
      Wire().headers(3, Wire::pad("12345" + plain(first), 4), flag::kPadded | flag::kPriority | 4));
  seeds["data-window"] = chars({how | how::kTight | how::kKeepCredit, 0}) +
                         Wire().settings_ack().headers(1, first).data(1, std::string(60, 'w')).str();
}

void add_fields(Seeds& seeds, std::uint32_t how, const Headers& good) {
  const Header kBad[] = {{"Upper", "x"},
                         {"connection", "close"},
                         {"te", "gzip"},
                         {"a b", "x"},
                         {"a", "x\r\ny"},
                         {":unknown", "x"},
                         {":status", "2000"},
                         {":status", "101"},
                         {":method", "GET"},
                         {":path", ""},
                         {"", "x"},
                         {"a", " x"},
                         {":protocol", "x"},
                         {"host", "x"},
                         {"content-length", "7"}};
  std::string all;
  StreamId id = 1;
  for (const Header& bad : kBad) {
    Headers headers = good;
    headers.push_back(bad);
    all += Wire().headers(id, headers).str();
    Headers front = {bad};
    all += Wire().headers(id + 2, front, kEnd).str();
    id = how % 2 == 0 ? id + 4 : id;
  }
  seeds["fields-bad"] = chars({how & ~1u, 0}) + all;
  // With a content-length, kept and broken in each way.
  const auto counted = [&](StreamId on, const char* length) {
    Headers headers = good;
    headers.push_back({"content-length", length});
    return Wire().headers(on, headers);
  };
  seeds["content-length"] = chars({how, 0}) + counted(1, "6").data(1, "abc").data(1, "def", kEnd).str() +
                            counted(3, "3").data(3, "abcd").str() +
                            counted(5, "9").data(5, "abc", kEnd).str() +
                            counted(7, "9").data(7, "abc").headers(7, kTrailers, kEnd).str();
}

Seeds server_seeds(Seeds seeds) {
  add_common(seeds, 0, kRequest);
  add_streams(seeds, how::kTags, kRequest);
  add_fields(seeds, 0, kRequest);
  const std::uint32_t raw = how::kNoHandshake;
  seeds["exchange-large"] = chars({raw | how::kLarge, 0}) + exchange(0, how::kLarge).first;
  seeds["ended"] = chars({how::kLarge, 0}) + Wire()
                                                 .headers(1, kRequest, kEnd)
                                                 .data(1, "x")
                                                 .headers(3, kRequest, kEnd)
                                                 .headers(3, kTrailers, kEnd)
                                                 .str();
  seeds["after-goaway"] =
      chars({0, 0}) +
      Wire().headers(1, kRequest).goaway(0, {}).headers(3, kRequest).data(3, "x").data(1, "y", kEnd).str();
  seeds["preface-http1"] = chars({raw, 2}) + "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  seeds["preface-tls"] = chars({raw, 0}) + "\x16\x03\x01\x02";
  seeds["preface-wrong"] = chars({raw, 0}) + "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n";
  seeds["no-settings"] = chars({raw, 0}) + Wire().preface().ping("12345678").str();
  Wire replies;
  for (int i = 0; i < 600; ++i) replies.settings();
  seeds["replies"] = chars({0, 0}) + replies.str() + replies.str();
  return seeds;
}

Seeds client_seeds(Seeds seeds) {
  add_common(seeds, 0, kResponse);
  add_streams(seeds, how::kTags, kResponse);
  add_fields(seeds, 0, kResponse);
  seeds["informational"] =
      chars({1, 0}) + Wire().headers(1, {{":status", "100"}}).headers(1, kResponse).str();
  seeds["informational-end"] = chars({1, 0}) + Wire().headers(1, {{":status", "100"}}, kEnd).str();
  seeds["data-first"] = chars({1, 0}) + Wire().data(1, "early").headers(3, kTrailers, kEnd).str();
  seeds["goaway"] = chars({0, 0}) + Wire().goaway(3, ErrorCode::kNoError, "bye").data(7, "x").str();
  seeds["first-byte"] = chars({how::kNoHandshake, 0}) + "HTTP/1.1 400 Bad Request\r\n";
  // Bodies of 90,000 bytes: windows open bit by bit, and trailers wait behind what is queued.
  const std::vector<std::pair<SettingId, std::uint32_t>> windows = {{SettingId::kInitialWindowSize, 80000}};
  Wire large;
  large.settings(windows);
  for (const StreamId id : {1, 3, 5, 7, 9, 11}) large.window_update(0, 90000).window_update(id, 90000);
  seeds["large"] = chars({how::kLarge, 3}) + large.str();
  return seeds;
}

// The same wires, with role and cuts in front.
Seeds split_seeds(const Seeds& server, const Seeds& client) {
  Seeds seeds;
  for (const auto& [name, seed] : server) {
    if (name.starts_with("exchange"))
      seeds["server-" + name] = chars({0}) + seed[0] + chars({1, 2}) + seed.substr(2);
  }
  for (const auto& [name, seed] : client) {
    if (name.starts_with("exchange"))
      seeds["client-" + name] = chars({1}) + seed[0] + chars({1, 2}) + seed.substr(2);
  }
  return seeds;
}

Seeds huffman_seeds() {
  Seeds seeds;
  std::string all;
  for (std::uint32_t i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (const std::string& text : {std::string("www.example.com"), std::string("application/grpc"), all}) {
    std::string code(huffman_size(text), '\0');
    huffman_encode(text, reinterpret_cast<std::byte*>(code.data()));
    seeds["code-" + std::to_string(seeds.size())] = code;
  }
  seeds["eos"] = "\xff\xff\xff\xff";
  seeds["padding"] = chars({0x07, 0xff});
  return seeds;
}

Seeds hpack_seeds() {
  const auto block = [](std::string_view text) {
    return chars({0}) +
           chars({static_cast<std::uint32_t>(text.size() >> 8),
                  static_cast<std::uint32_t>(text.size() & 255)}) +
           std::string(text);
  };
  Seeds seeds;
  HpackEncoder encoder;
  std::string all;
  for (const Headers& list : {kRequest, kResponse, kTrailers, kRequest, kResponse}) {
    all += block(as_text(encode(encoder, list)));
  }
  seeds["lists"] = all;
  seeds["sizes"] = all + chars({7, 0, 50}) + block("\x3f\x13\x82") + chars({7, 1, 0}) +
                   block("\x3f\xe1\x01\x82\x84") + block("\x82");
  Headers odd = {{"secret", "x", Indexing::kNever}, {"name", "1", Indexing::kName},
                 {"name", "2", Indexing::kName},    {"long", std::string(300, 'l')},
                 {"big", std::string(4200, 'b')},   {"\xff\x80", "\x01\x02\x03"}};
  std::string longer;
  for (int i = 0; i < 40; ++i) {
    Headers list = {
        {"name-of-40-bytes-that-comes-again-and-so-on", std::to_string(i * 77777), Indexing::kName}};
    list.push_back({"n" + std::to_string(i % 50), "v" + std::to_string(i)});
    longer += block(as_text(encode(encoder, list))) + (i % 16 == 9 ? chars({7, 0, 200, 7, 16, 0}) : "");
  }
  seeds["many"] = longer;
  std::string renamed;  // a new value under the name of the newest entry, until entries go
  for (int i = 0; i < 90; ++i)
    renamed += block(i == 0 ? std::string("\x40\x02"
                                          "ab\x01"
                                          "c")
                            : "\x7e\x03"
                              "v" +
                                  std::to_string(10 + i));
  seeds["renamed"] =
      renamed + chars({7, 0, 0}) + block("\x20\x82") + chars({7, 16, 0}) + block("\x3f\xe1\x1f\x82");
  seeds["kinds"] = block(as_text(encode(encoder, odd))) + all;
  for (const char* bad : {"\x80", "\xff\xff\xff\xff\xff\xff\xff", "\x40\x85\xff\xff\xff\xff\xff\x01x",
                          "\x40\x05"
                          "ab",
                          "\xc5", "\x82\x3f\x01",
                          "\x40\x01"
                          "a\x81",
                          "\x0f"}) {
    seeds["bad-" + std::to_string(seeds.size())] = block(bad);
  }
  return seeds;
}

Seeds pair_seeds() {
  Seeds seeds;
  const std::string talk =
      chars({0, 20, 1, 30, 3, 26, 255, 131, 156, 200, 24, 9, 25, 8, 12, 50, 2, 3, 26, 255, 15, 255});
  for (const std::uint32_t how : {0u, 1u, 2u, 4u, 16u, 32u, 64u, 65u, 97u, 99u}) {
    seeds["talk-" + std::to_string(how)] = chars({how, how}) + talk + talk;
  }
  seeds["goaway"] = chars({1, 1}) + talk + chars({132, 10, 99}) + talk + chars({148}) + talk;
  seeds["goaway-client"] = chars({1, 1}) + talk + chars({4, 10, 99}) + talk + chars({20}) + talk;
  seeds["reset"] = chars({16, 0}) + talk + chars({5, 21, 133, 10, 9, 6, 10, 9}) + talk + chars({134}) + talk;
  for (std::uint32_t kind = 0; kind < 4; ++kind) {
    const std::string damage =
        chars({10, 20, 0, 9, 7, 0, 40, kind + 8, 3, 10, 99, 135, 0, 30, kind + 12, 77});
    seeds["damage-" + std::to_string(kind)] = chars({1, 1}) + talk + damage + talk;
  }
  return seeds;
}

// The first bytes: a limit as a power of two, and the largest slice.
Seeds message_seeds(const Compressor& coder) {
  const auto packed = [&](std::string_view message) {
    return coder.compress(Chain::copy(message)).value().to_string();
  };
  std::string text;
  for (int i = 0; i < 60; ++i) text += "words and " + std::to_string(i * i * 7919) + " ";
  const std::string few = packed("a few words and a few more words"), zeros = packed(std::string(100000, 0));
  Seeds seeds;
  seeds["empty"] = chars({12, 3}) + packed("");
  seeds["few"] = chars({12, 3}) + few;
  seeds["few-no-room"] = chars({3, 3}) + few;
  seeds["text"] = chars({16, 200}) + packed(text);
  seeds["zeros"] = chars({17, 1}) + zeros;
  seeds["zeros-no-room"] = chars({16, 1}) + zeros;
  seeds["two"] = chars({12, 7}) + few + packed("more");
  seeds["garbage"] = chars({12, 7}) + few + "garbage";
  seeds["truncated"] = chars({12, 7}) + few.substr(0, few.size() - 1);
  seeds["head"] = chars({12, 7}) + few.substr(0, 4);
  seeds["nested"] = chars({16, 7}) + packed(packed(zeros));
  return seeds;
}

// By target.
std::map<std::string, Seeds> corpora() {
  Seeds server;
  Seeds client;
  add_exchanges(server, client);
  server = server_seeds(std::move(server)), client = client_seeds(std::move(client));
  std::map<std::string, Seeds> all;
  all["split"] = split_seeds(server, client);
  all["server"] = std::move(server);
  all["client"] = std::move(client);
  all["huffman"] = huffman_seeds();
  all["hpack"] = hpack_seeds();
  all["pair"] = pair_seeds();
  const CompressorSet coders = all_compressors();
  for (const char* name : {"gzip", "deflate", "zstd"}) all[name] = message_seeds(*coders.find(name));
  return all;
}

void write(const std::filesystem::path& folder, const Seeds& seeds) {
  std::filesystem::create_directories(folder);
  for (const auto& [name, bytes] : seeds) std::ofstream(folder / name, std::ios::binary) << bytes;
}

// Says what in `folder` is not what was made; gives how many. Files that a fuzzer has found begin with
// "found-". What a compressor makes is its library's choice, so that only the names count.
int differences(const std::filesystem::path& folder, const Seeds& seeds, bool bytes_count) {
  int found = 0;
  const auto tell = [&](const char* what, const std::filesystem::path& path) {
    std::printf("%s: %s\n", path.c_str(), what);
    ++found;
  };
  for (const auto& [name, bytes] : seeds) {
    std::ifstream file(folder / name, std::ios::binary);
    if (!file) {
      tell("missing", folder / name);
    } else if (bytes_count && std::string(std::istreambuf_iterator<char>(file), {}) != bytes) {
      tell("is not what is made now", folder / name);
    }
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (!seeds.contains(name) && !name.starts_with("found-")) tell("is made by nobody", entry.path());
  }
  return found;
}

}  // namespace
}  // namespace sluice::inline v0::http2::fuzz

int main(int argc, char** argv) {
  using namespace sluice::http2::fuzz;  // NOLINT
  const bool check = argc == 3 && std::string_view(argv[1]) == "--check";
  if (argc != 2 && !check) return std::fprintf(stderr, "usage: fuzz_seeds [--check] DIR\n"), 2;
  const std::filesystem::path root = argv[argc - 1];
  int found = 0;
  for (const auto& [target, seeds] : corpora()) {
    const bool compressed = target == "gzip" || target == "deflate" || target == "zstd";
    if (check) {
      found += differences(root / target, seeds, !compressed);
    } else {
      write(root / target, seeds);
    }
  }
  if (found > 0) std::printf("%d differences: `fuzz_seeds DIR` makes the seeds anew\n", found);
  return found > 0 ? 1 : 0;
}
