// The guide's first client: writes a note, reads it, and asks for one that is not there.
// [client.cc]
#include <sluice/sluice.h>

#include <cstdint>
#include <iostream>
#include <string>

#include "notes.sluice.h"

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  const std::string addr = argc > 1 ? argv[1] : "tcp:127.0.0.1:50051";
  sluice::Runtime runtime;
  const notes::Notes::Stub stub(sluice::dial(runtime, addr).value());

  notes::Note note;
  note.set_text("buy milk");
  const auto added = stub.Add(note, {.timeout = 2s}).get();
  if (!added.ok()) {
    std::cerr << added.status() << "\n";
    return 1;
  }
  std::cout << "added note " << added->id() << "\n";

  notes::GetRequest request;
  for (const std::int64_t id : {added->id(), std::int64_t{99}}) {
    request.set_id(id);
    const auto found = stub.Get(request, {.timeout = 2s}).get();
    std::cout << id << ": " << (found.ok() ? found->text() : found.status().to_string()) << "\n";
  }
  return 0;
}
// [/client.cc]
