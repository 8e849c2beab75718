// Removing a directory with all that is in it; see remove_tree.h.
#include "remove_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "unique_fd.h"

namespace cofferdam {
namespace {

bool Gone(int result) {
  return result == 0 || errno == ENOENT;
}

bool RemoveEntry(int directory, const char *name);

// Each level holds one descriptor, so nobody can lead it elsewhere by renaming what it has gone through.
bool RemoveContents(int fd) {
  DIR *stream = fdopendir(fd);
  if (stream == nullptr) {
    const int error = errno;
    close(fd);
    errno = error;
    return false;
  }
  int error = 0;
  for (;;) {
    errno = 0;
    const dirent *entry = readdir(stream);
    if (entry == nullptr) {
      if (errno != 0) error = errno;
      break;
    }
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && !RemoveEntry(dirfd(stream), entry->d_name)) error = errno;
  }
  closedir(stream);
  errno = error;
  return error == 0;
}

bool RemoveEntry(int directory, const char *name) {
  if (Gone(unlinkat(directory, name, 0))) return true;
  // EISDIR by Linux, EPERM by POSIX; of anything else it is the reason.
  if (errno != EISDIR && errno != EPERM) return false;
  const int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT;
  return RemoveContents(fd) && Gone(unlinkat(directory, name, AT_REMOVEDIR));
}

} // namespace

bool RemoveTree(const char *path) {
  return RemoveEntry(AT_FDCWD, path);
}

} // namespace cofferdam
