// The guide's first client: adds a note, and asks for one that is not there.
// [client.cc]
#include <sluice/sluice.h>

#include <iostream>
#include <string>

#include "notes.sluice.h"

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  const std::string addr = argc > 1 ? argv[1] : "tcp:127.0.0.1:50051";
  // [call]
  sluice::Runtime runtime;
  const notes::Notes::Stub stub(sluice::dial(runtime, addr).value());

  notes::Note note;
  note.set_text("buy milk");
  const auto added = stub.Add(note, {.timeout = 2s}).get();
  if (!added.ok()) {
    std::cerr << added.status() << "\n";
    return 1;
  }
  // [/call]
  std::cout << "added note " << added->id() << "\n";

  notes::GetRequest request;
  request.set_id(99);
  const auto found = stub.Get(request, {.timeout = 2s}).get();
  std::cout << (found.ok() ? found->text() : found.status().to_string()) << "\n";
  return 0;
}
// [/client.cc]
