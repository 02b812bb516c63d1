// Closing descriptors and naming errors.
#include "net/fd.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::inline v0::net {

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Opener::Opener() : process_(::getpid()) {}

bool Opener::is_this_process() const { return process_ == ::getpid(); }

std::string error_text(int error) {
  std::string text = std::strerror(error);
  // As other messages: "Connection refused" is no name.
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a') text[0] += 'a' - 'A';
  return text;
}

bool is_exhausted(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM || error == ENOSPC;
}

Status socket_failure(StatusCode code, std::string what, int error) {
  if (is_exhausted(error)) code = StatusCode::kResourceExhausted;
  return Status(code, std::move(what) + ": " + error_text(error));
}

}  // namespace sluice::inline v0::net
