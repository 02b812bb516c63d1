// Binding to a path and giving it back.
#include "net/unix_path.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "net/socket.h"

namespace sluice::inline v0::net {
namespace {

bool bind_to(int fd, const SocketAddr& target) { return ::bind(fd, target.get(), target.size()) == 0; }

// Does anybody listen at `target`? Only a refusal says no: a full backlog or a lack of permission does not.
bool answers(const SocketAddr& target) {
  const Fd probe = make_socket(AF_UNIX);
  return !probe || ::connect(probe.get(), target.get(), target.size()) == 0 || errno != ECONNREFUSED;
}

// The folder, locked until the descriptor is closed: of two servers that start at once on a path that was
// left behind, one replaces it and the other sees that it is answered. No waiting: the lock is anybody's to
// hold.
Fd lock_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) fd.reset();
  return fd;
}

Status bind_failure(const Addr& addr, int error) {
  const std::string what = "listen on " + addr.to_string();
  if (error == ENOENT || error == ENOTDIR) return socket_failure(StatusCode::kNotFound, what, error);
  if (error == EACCES || error == EPERM || error == EROFS)
    return socket_failure(StatusCode::kPermissionDenied, what, error);
  return socket_failure(StatusCode::kUnavailable, what, error);
}

}  // namespace

UnixPath::Identity UnixPath::look_at(const std::string& path) {
  struct stat found;
  if (::lstat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino, S_ISSOCK(found.st_mode), true};
}

Status UnixPath::listen(int fd, const Addr& addr, const SocketAddr& target, int backlog) {
  path_ = addr.text;
  // bind() gives the file the mode of the socket's own inode (less the umask): there is no moment in which it
  // has another, as between bind() and chmod().
  if (::fchmod(fd, S_IRUSR | S_IWUSR) != 0) return bind_failure(addr, errno);
  // Held until this one listens: before, a probe is refused though somebody is about to answer.
  const Fd lock = lock_folder_of(path_);
  if (!bind_to(fd, target)) {
    if (errno != EADDRINUSE) return bind_failure(addr, errno);
    if (Status status =
            lock ? replace(fd, addr, target)
                 : Status(StatusCode::kAlreadyExists,
                          addr.to_string() + " is there, and its folder is locked or not readable");
        !status.ok())
      return status;
  }
  mine_ = look_at(path_);
  if (::listen(fd, backlog) == 0) return {};
  const int error = errno;
  remove();
  return bind_failure(addr, error);
}

Status UnixPath::replace(int fd, const Addr& addr, const SocketAddr& target) {
  const Identity before = look_at(path_);
  if (before.exists && !before.is_socket) {
    return Status(StatusCode::kAlreadyExists, addr.to_string() + " is there and no socket");
  }
  const Status taken(StatusCode::kAlreadyExists, addr.to_string() + " is already being listened on");
  if (answers(target) || look_at(path_) != before) return taken;
  ::unlink(path_.c_str());
  if (bind_to(fd, target)) return {};
  return errno == EADDRINUSE ? taken : bind_failure(addr, errno);
}

void UnixPath::remove() {
  const Identity mine = std::exchange(mine_, {});
  if (mine.exists && look_at(path_) == mine) ::unlink(path_.c_str());
}

}  // namespace sluice::inline v0::net
