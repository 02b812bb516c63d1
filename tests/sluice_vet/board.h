// The service that the files here call: shaped as generated code, declared only, and without protobuf.
#pragma once

#include <sluice/async/scope.h>
#include <sluice/async/sleep.h>
#include <sluice/rpc/call_options.h>
#include <sluice/rpc/message_traits.h>
#include <sluice/rpc/server_context.h>
#include <sluice/runtime/runtime.h>
#include <sluice/stub/client_streams.h>
#include <sluice/stub/server_streams.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace board {

using namespace std::chrono_literals;

class Note {
 public:
  explicit Note(std::string text = {});
  const std::string& text() const;
  const std::vector<Note>& replies() const;
};

}  // namespace board

namespace sluice {
template <>
struct MessageTraits<board::Note> {
  static const MessageOps& ops();
};
}  // namespace sluice

namespace board {

class Stub {
 public:
  sluice::Op<Note> Get(const Note& request, const sluice::CallOptions& options = {}) const;
  sluice::ClientReaderWriter<Note, Note> Talk(const sluice::CallOptions& options = {}) const;
};

// Coroutines, as far as anybody here can see.
sluice::Task<> by_reference(const std::string& text);
sluice::Task<> by_view(std::string_view text);
sluice::Task<> by_span(std::span<const int> numbers);
sluice::Task<> by_pointer(const char* text);
sluice::Task<> by_value(std::string text);
sluice::Task<> by_note(const Note& note);
sluice::Task<sluice::Result<Note>> fetch(const Stub& stub, const Note& request);
sluice::Task<sluice::Status> check(int limit);
sluice::Task<bool> more(int& left);

std::string text_of(int i);
std::vector<int> numbers_of(int i);

class Worker {
 public:
  explicit Worker(int id);
  sluice::Task<> work();
};

}  // namespace board
