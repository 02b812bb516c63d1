// HPACK stories written by other encoders (the format of the http2jp/hpack-test-case project), read from the
// folders in the folder that SLUICE_HPACK_STORIES names.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "http2/hpack.h"
#include "http2/hpack_test_util.h"

namespace sluice::inline v0::http2::testing {
namespace {

namespace fs = std::filesystem;

struct Case {
  Block wire;
  Headers headers;
  std::optional<std::uint32_t> table_size;  // our setting, acknowledged before this case
};

// Reads a story; enough of JSON for that, and an error for anything else.
class StoryReader {
 public:
  explicit StoryReader(std::string text) : text_(std::move(text)) {}

  std::vector<Case> read() {
    std::vector<Case> cases;
    object([&](const std::string& key) {
      if (key != "cases") return skip();
      array([&] { cases.push_back(read_case()); });
    });
    return cases;
  }
  bool failed() const { return failed_; }
  std::size_t at() const { return at_; }

 private:
  Case read_case() {
    Case c;
    object([&](const std::string& key) {
      if (key == "wire") {
        c.wire = unhex(string());
      } else if (key == "header_table_size") {
        c.table_size = number();
      } else if (key == "headers") {
        array([&] { object([&](const std::string& name) { c.headers.push_back({name, string()}); }); });
      } else {
        skip();
      }
    });
    return c;
  }

  template <class Member>
  void object(Member member) {
    list('{', '}', [&] {
      const std::string key = string();
      expect(':');
      member(key);
    });
  }
  template <class Item>
  void array(Item item) {
    list('[', ']', item);
  }
  template <class Item>
  void list(char open, char close, Item item) {
    expect(open);
    if (next() == close) return expect(close);
    while (!failed_) {
      item();
      if (next() == close) return expect(close);
      expect(',');
    }
  }

  std::string string() {
    expect('"');
    std::string text;
    while (!failed_ && at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] != '\\') {
        text += text_[at_++];
      } else if (const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : 'u'; c != 'u') {
        text += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'b' ? '\b' : c == 'f' ? '\f' : c;
        at_ += 2;
      } else {
        if (at_ + 6 > text_.size()) return fail();
        const unsigned long code = std::stoul(text_.substr(at_ + 2, 4), nullptr, 16);
        if (code > 0xff) return fail();  // header octets only
        text += static_cast<char>(code);
        at_ += 6;
      }
    }
    expect('"');
    return text;
  }
  std::uint32_t number() {
    (void)next();
    std::uint32_t value = 0;
    if (at_ == text_.size() || text_[at_] < '0' || text_[at_] > '9') fail();
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value * 10 + static_cast<std::uint32_t>(text_[at_++] - '0');
    }
    return value;
  }
  void skip() {
    if (next() == '"') {
      (void)string();
    } else {
      (void)number();
    }
  }

  char next() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  void expect(char c) {
    if (next() == c) {
      ++at_;
    } else {
      fail();
    }
  }
  std::string fail() {
    failed_ = true;
    return {};
  }

  const std::string text_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

std::vector<Case> load(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  StoryReader reader(std::string(std::istreambuf_iterator<char>(file), {}));
  std::vector<Case> cases = reader.read();
  EXPECT_FALSE(reader.failed()) << path << ": not a story at byte " << reader.at();
  EXPECT_FALSE(cases.empty()) << path;
  return cases;
}

std::vector<fs::path> stories(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

class HpackStory : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("SLUICE_HPACK_STORIES");
    if (folder == nullptr || *folder == '\0') {
      GTEST_SKIP() << "set SLUICE_HPACK_STORIES to a folder of HPACK stories (http2jp/hpack-test-case)";
    }
    ASSERT_TRUE(fs::is_directory(folder)) << "SLUICE_HPACK_STORIES names no folder: " << folder;
    paths_ = stories(folder);
    ASSERT_FALSE(paths_.empty()) << "no *.json in or below " << folder;
  }

  std::vector<fs::path> paths_;
};

TEST_F(HpackStory, DecodesToTheHeadersTold) {
  for (const fs::path& path : paths_) {
    SCOPED_TRACE(path);
    HpackDecoder decoder;
    Collector collector(Collector::Tags::kAll);
    std::size_t seqno = 0;
    for (const Case& c : load(path)) {
      if (c.table_size.has_value()) decoder.set_max_table_size(*c.table_size);
      const Error error = decoder.decode(c.wire, collector);
      ASSERT_TRUE(error.ok()) << "case " << seqno << ": " << error.what;
      ASSERT_EQ(collector.take(), c.headers) << "case " << seqno;
      ++seqno;
    }
  }
}

TEST_F(HpackStory, SurvivesItsOwnEncoder) {
  for (const fs::path& path : paths_) {
    SCOPED_TRACE(path);
    HpackEncoder encoder;
    HpackDecoder decoder;
    Collector collector(Collector::Tags::kAll);
    for (const Case& c : load(path)) {
      if (c.table_size.has_value()) {
        encoder.set_peer_limit(*c.table_size);
        decoder.set_max_table_size(*c.table_size);
      }
      const Error error = decoder.decode(encode(encoder, c.headers), collector);
      ASSERT_TRUE(error.ok()) << error.what;
      ASSERT_EQ(collector.take(), c.headers);
    }
  }
}

}  // namespace
}  // namespace sluice::inline v0::http2::testing
